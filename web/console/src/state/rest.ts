// The REST API with the rights of the signed-in user, loaded when it is first needed.

import type { RestClient } from "@hummdesk/client/rest";
import type { Credentials } from "./session";

const clients = new WeakMap<Credentials, Promise<RestClient>>();

export function restOf(credentials: Credentials): Promise<RestClient> {
  const known = clients.get(credentials);
  if (known) return known;
  const loading = import("./rest-client").then(({ RestClient }) => new RestClient({ token: credentials.token }));
  clients.set(credentials, loading);
  loading.catch(() => clients.delete(credentials)); // loaded again at the next use
  return loading;
}
