// What an agent needs now and then: dialogs, and forms for single messages.

import "./extras.css";

export { AttachLinkForm } from "./attach-link";
export { Help } from "./help";
export { MessageEditor, Withdrawal } from "./message-change";
export { NotificationSettings } from "./notifications";
export { Refused } from "./refused";
export { SearchProblem } from "./search-problem";
export { Transfer } from "./transfer";
export { Why } from "./why";
