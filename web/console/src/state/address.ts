// The address of the page: a conversation at /c/ID, a page of the settings at /settings/PAGE, the supervisor's pages at
// /supervisor, else the inbox. The query names the filters of the list, such as ?view=mine&status=pending, or the id of a
// saved view; what is searched for is not part of the address, since it can be the name of a customer.

import type { Status } from "../types";
import { isBuiltIn, type View } from "./conversation-list";

const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

export interface Filters {
  view: View;
  status: Status;
  // The team whose queue is shown; "": all.
  teamId: string;
}

export interface Address {
  conversationId: string | null;
  // The parts of the path after /settings; null outside of the settings.
  settings: string[] | null;
  // The same of /supervisor.
  supervisor: string[] | null;
  filters: Filters;
}

// Name in the query, default, and check of each filter.
const QUERY: {
  [Name in keyof Filters]: { name: string; fallback: Filters[Name]; isValid: (value: string) => boolean };
} = {
  view: { name: "view", fallback: "all", isValid: (value) => isBuiltIn(value) || ID.test(value) },
  status: { name: "status", fallback: "open", isValid: (value) => ["open", "pending", "closed"].includes(value) },
  teamId: { name: "team", fallback: "", isValid: () => true },
};
const FILTERS = Object.keys(QUERY) as (keyof Filters)[];

export function parseAddress({ pathname, searchParams }: URL): Address {
  const [first, ...rest] = pathname.split("/").filter(Boolean).map(decoded);
  return {
    conversationId: first === "c" ? (rest[0] ?? null) : null,
    settings: first === "settings" ? rest : null,
    supervisor: first === "supervisor" ? rest : null,
    filters: Object.fromEntries(FILTERS.map((one) => [one, filterOf(one, searchParams)])) as unknown as Filters,
  };
}

export function readAddress(): Address {
  return parseAddress(new URL(location.href));
}

// The path of a conversation, or of the list alone, with the filters that are not the defaults.
export function pathOf(conversationId: string | null, filters: Filters): string {
  const query = new URLSearchParams();
  for (const one of FILTERS) if (filters[one] !== QUERY[one].fallback) query.set(QUERY[one].name, filters[one]);
  const path = conversationId ? conversationPath(conversationId) : "/";
  return query.size > 0 ? `${path}?${query}` : path;
}

export function conversationPath(conversationId: string): string {
  return `/c/${conversationId}`;
}

export function supervisorPath(...parts: string[]): string {
  return ["/supervisor", ...parts].join("/");
}

function filterOf(one: keyof Filters, query: URLSearchParams): string {
  const { name, fallback, isValid } = QUERY[one];
  const given = query.get(name) ?? fallback;
  return isValid(given) ? given : fallback;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
