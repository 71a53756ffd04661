// The message that a search has found, in the conversation that is opened from its results.

import { hitSeq } from "./reading";
import type { Store } from "./store";
import type { Thread } from "./thread";

// A conversation may also match by its subject or its customer.
const MOST_PAGES = 10;

// Show the newest message with all words of the search; load older messages until it is found.
export async function findHit(store: Store, thread: Thread, conversationId: string): Promise<void> {
  const { search } = store.list;
  if (!search) return;
  for (let page = 0; page < MOST_PAGES && store.thread === thread; page += 1) {
    const seq = hitSeq(thread.history.messages, search);
    if (seq) {
      Object.assign(thread.reading, { hitSeq: seq, isJumping: true });
      store.changed();
    }
    if (seq || !thread.history.hasMore) return;
    await store.attempt(() => store.client.loadOlder(conversationId));
  }
}
