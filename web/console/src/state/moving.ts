// From one conversation of the list to the next.

import type { Store } from "./store";

// Open the conversation `by` places below the open one, also if that has left the list; the first one if none is open.
export async function move(store: Store, by: number): Promise<void> {
  const { list } = store;
  await list.loaded();
  if (placeOf(store, by) >= list.shown.length) await list.loadMore();
  const { shown } = list;
  const next = shown[Math.min(Math.max(placeOf(store, by), 0), shown.length - 1)];
  if (next) openRow(store, next.conversationId);
}

// Open the first conversation of a search, unless one of its results is open.
export async function openFirst(store: Store): Promise<void> {
  await store.list.loaded();
  const { shown } = store.list;
  if (shown[0] && !shown.some(({ conversationId }) => conversationId === store.openId))
    openRow(store, shown[0].conversationId);
}

// Run an action. If it takes the open conversation out of the list, the next one follows.
export async function advanceAfter(store: Store, action: () => Promise<unknown>): Promise<void> {
  const { openId, list } = store;
  const isListed = () => list.shown.some(({ conversationId }) => conversationId === openId);
  const wasListed = isListed();
  await action();
  if (wasListed && !isListed() && store.openId === openId) await move(store, 1);
}

function placeOf(store: Store, by: number): number {
  const { openId, list, conversation } = store;
  const index = list.shown.findIndex(({ conversationId }) => conversationId === openId);
  if (index >= 0) return index + by;
  if (!conversation) return 0;
  const below = list.shown.findIndex((one) => list.order(conversation, one) < 0);
  const place = below < 0 ? list.shown.length : below;
  return by > 0 ? place + by - 1 : place + by;
}

function openRow(store: Store, conversationId: string): void {
  store.open(conversationId);
  requestAnimationFrame(() =>
    document.querySelector(`[data-conversation="${conversationId}"]`)?.scrollIntoView({ block: "nearest" }),
  );
}
