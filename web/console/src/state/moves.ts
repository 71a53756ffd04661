// Moves of conversations between queues, agents and teams, and out of the way until a time.

import { RequestError } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import type { Conversation } from "../types";
import type { Store } from "./store";

export function claim(store: Store, conversationId: string): Promise<boolean> {
  return store.attempt(async () => {
    try {
      await store.client.request("claim_conversation", { conversationId });
      if (store.me) store.list.change(conversationId, { assignedTo: store.me.userId });
    } catch (failure) {
      const holder = failure instanceof RequestError && failure.error.details?.assignedTo;
      if (!holder) throw failure;
      store.showToast(t("console.claim.taken", { colleague: store.nameOf(String(holder)) }));
    }
  });
}

// Assign a conversation. The user claims one that nobody has, so that a colleague who was faster keeps it.
export function assign(store: Store, agentId: string, one: Conversation): Promise<boolean> {
  return agentId === store.me?.userId && !one.assignedTo && one.status !== "closed"
    ? claim(store, one.conversationId)
    : store.assign(one.conversationId, agentId);
}

export function release(store: Store, conversationId: string): Promise<boolean> {
  return store.attempt(async () => {
    await store.client.request("release_conversation", { conversationId });
  });
}

// Set a conversation to pending until a time, or until the customer writes.
export function snooze(store: Store, conversationId: string, time: Date | null): Promise<boolean> {
  return store.attempt(async () => {
    const until = time ? { until: time.toISOString() } : {};
    await store.client.request("snooze_conversation", { conversationId, ...until });
  });
}

// Move a conversation to an agent, with the team of the agent, or to the queue of a team. Returns whether it worked.
export async function transfer(
  store: Store,
  conversationId: string,
  target: { agentId?: string; teamId?: string },
  note: string,
): Promise<boolean> {
  let isMoved = false;
  await store.attempt(async () => {
    await store.client.request("assign_conversation", { conversationId, ...target, ...(note ? { note } : {}) });
    isMoved = true;
  });
  return isMoved;
}
