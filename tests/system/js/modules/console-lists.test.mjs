// The lists of the console: the selection, and changes of known conversations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { ConversationList } = await load("console/src/state/conversation-list.ts");
const { Selection } = await load("console/src/state/selection.ts");

const listOf = (client) => new ConversationList(client, () => {}, { ready: Promise.resolve(), views: new Map() });
const conversation = (conversationId, more = {}) => ({
  conversationId,
  status: "open",
  lastSeq: 1,
  revision: 0,
  createdAt: "2026-01-01T00:00:00Z",
  ...more,
});

function selectionOf(shown) {
  const store = {
    requests: [],
    list: { shown, change() {} },
    client: {
      request: async (_, { conversationIds, ...change }) => {
        store.requests.push([conversationIds, change]);
        return { results: conversationIds.map((conversationId) => ({ conversationId, ok: true })) };
      },
    },
    undo: { offer: (action) => Object.assign(store, { action }) },
    attempt: (action) => action(),
    changed() {},
  };
  return { store, selection: new Selection(store) };
}

test("a conversation that has left the list does not return as selected", () => {
  const { store, selection } = selectionOf([conversation("a"), conversation("b")]);
  selection.toggle("a");
  const all = store.list.shown;
  store.list.shown = all.slice(1);
  selection.toggle("b");
  store.list.shown = all;
  assert.deepEqual(
    selection.selected.map(({ conversationId }) => conversationId),
    ["b"],
  );
});

test("a new status ends a snooze, and a merge when it reopens the conversation", () => {
  const list = listOf({});
  list.put(conversation("a", { status: "pending", snoozedUntil: "2030-01-01T00:00:00Z" }));
  list.changeStatus({ conversationId: "a", newStatus: "pending" });
  assert.equal(list.known.get("a").snoozedUntil, undefined);
  list.change("a", { continuedIn: "b" });
  list.changeStatus({ conversationId: "a", newStatus: "closed" });
  assert.equal(list.known.get("a").continuedIn, "b");
  list.changeStatus({ conversationId: "a", newStatus: "open" });
  assert.equal(list.known.get("a").continuedIn, undefined);
});

test("a list that was cleared accepts what an earlier server had given the same numbers", () => {
  const list = listOf({});
  list.put(conversation("a", { lastSeq: 9, unreadCount: 4 }));
  list.clear();
  list.put(conversation("a", { lastSeq: 7, unreadCount: 1 }));
  assert.equal(list.known.get("a").lastSeq, 7);
  assert.equal(list.unread.of("a"), 1);
});
