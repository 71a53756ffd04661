// Requests for AI runs of a conversation. Their events show the result.

import type { AIDraft } from "@hummdesk/client";
import type { Store } from "./store";

export function requestDraft(store: Store, conversationId: string): Promise<boolean> {
  return store.attempt(async () => {
    const { runId } = await store.client.request("request_draft", { conversationId });
    const thread = store.threads.get(conversationId);
    // a dismissed draft of this run is shown again; the events of a new run follow
    if (thread?.draft?.runId === runId) store.dismissedDrafts.delete(thread.draft.messageId);
  });
}

// Count a draft that is shown or dismissed. A failure changes nothing for the agent.
export function markDraft(store: Store, draft: AIDraft, mark: "shown" | "dismissed"): void {
  const { conversationId, runId } = draft;
  if (store.canReply) void store.client.request("mark_draft", { conversationId, runId, mark }).catch(() => undefined);
}

export function requestSummary(store: Store, conversationId: string): Promise<boolean> {
  return store.attempt(async () => {
    await store.client.request("request_summary", { conversationId });
  });
}
