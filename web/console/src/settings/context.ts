// Access of components to the REST API.

import type { RestClient } from "@hummdesk/client/rest";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const RestContext = createContext<RestClient | null>(null);

export function useRest(): RestClient {
  const rest = useContext(RestContext);
  if (!rest) throw new Error("useRest needs a RestContext.Provider around the component");
  return rest;
}
