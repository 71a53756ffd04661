// The commands of the console, by keyboard shortcut or from the command palette.

import type { Store } from "./state/store";
import type { Presence, Status } from "./types";

export interface Command {
  name: string;
  keys?: string;
  run: () => void;
}

const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];

export function commands(store: Store): Command[] {
  const { conversation, openId, list } = store;
  return [
    ...(conversation && openId && store.canReply
      ? conversationCommands(store, openId, conversation.status, conversation.assignedTo)
      : []),
    { name: "Next conversation", keys: "J", run: () => move(store, 1) },
    { name: "Previous conversation", keys: "K", run: () => move(store, -1) },
    { name: "Search", keys: "/", run: () => focus("#search") },
    { name: "Show my conversations", run: () => list.filter({ view: "mine" }) },
    { name: "Show unassigned conversations", run: () => list.filter({ view: "unassigned" }) },
    { name: "Show all conversations", run: () => list.filter({ view: "all" }) },
    ...STATUSES.map((status) => ({ name: `Show ${status} conversations`, run: () => list.filter({ status }) })),
    ...(store.canReply ? PRESENCES : []).map((status) => ({
      name: `Set your status to ${status}`,
      run: () => void store.setPresence(status),
    })),
    ...(store.isAdmin ? [{ name: "Operations", run: store.openOperations }] : []),
    { name: "Keyboard shortcuts", keys: "?", run: () => store.showOverlay("help") },
    { name: "Sign out", run: () => store.signOut() },
  ];
}

function conversationCommands(store: Store, id: string, status: Status, assignedTo: string | undefined): Command[] {
  const me = store.me?.userId;
  const write = (isNote: boolean) => () => {
    store.compose(id, { isNote });
    focus("#composer");
  };
  const close = { name: "Close the conversation", keys: "E", run: () => void store.setStatus(id, "closed") };
  const reopen = { name: "Reopen the conversation", keys: "E", run: () => void store.setStatus(id, "open") };
  return [
    { name: "Reply", keys: "R", run: write(false) },
    { name: "Add a private note", keys: "N", run: write(true) },
    { name: "Assign…", keys: "A", run: () => document.querySelector<HTMLElement>("[data-opens=assign]")?.click() },
    ...(me && assignedTo !== me ? [{ name: "Assign to me", keys: "M", run: () => void store.assign(id, me) }] : []),
    status === "closed" ? reopen : close,
    { name: "Set to pending", run: () => void store.setStatus(id, "pending") },
    { name: "Back to the list", keys: "Esc", run: () => store.open(null) },
  ];
}

// Open the conversation `by` places below the open one in the list; the first one if none is open.
function move(store: Store, by: number): void {
  const { shown } = store.list;
  const index = shown.findIndex((one) => one.conversationId === store.openId);
  const next = shown[index < 0 ? 0 : Math.min(Math.max(index + by, 0), shown.length - 1)];
  if (!next) return;
  store.open(next.conversationId);
  document.querySelector(`[data-conversation="${next.conversationId}"]`)?.scrollIntoView({ block: "nearest" });
}

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}
