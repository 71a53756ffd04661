export { RestClient } from "@hummdesk/client/rest";
