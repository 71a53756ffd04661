// What the inbox shows beside its conversations: saved views, and own unread conversations that are not loaded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Inbox } = await load("console/src/state/inbox.ts");
const { countText } = await load("console/src/count-badge.tsx");
const { OwnUnread } = await load("console/src/state/own-unread.ts");

// A client whose requests are answered by a function, and whose events are emitted by the test.
function clientOf(request) {
  const handlers = new Map();
  return {
    request,
    socket: { on: (event, handler) => handlers.set(event, handler) },
    emit: (event, payload) => handlers.get(event)?.(payload),
  };
}

test("a view that was saved while the inbox was requested is not lost by the older response", async () => {
  const view = { viewId: "v1", name: "Refunds", shared: true, filter: {} };
  const found = (...views) => ({ labels: [], views, counts: { views: [] }, messageChangeSeconds: 0 });
  const responses = [found(), found(view)];
  const client = clientOf(async () => {
    if (responses.length === 2) client.emit("saved_view_changed", { ...view, deleted: false });
    return responses.shift();
  });
  const inbox = new Inbox(client, () => {});
  await inbox.load();
  assert.deepEqual([...inbox.views.keys()], ["v1"]);
});

test("a conversation that was moved while the client was offline is not counted as own", async () => {
  const own = { conversationId: "c1", assignedTo: "kwame", status: "open", lastSeq: 1, unreadCount: 1 };
  const counts = new Map();
  const unread = {
    load: ({ conversationId, unreadCount }) => counts.set(conversationId, unreadCount),
    of: (id) => counts.get(id) ?? 0,
  };
  const list = { known: new Map(), unread, userId: "kwame", loaded: async () => {} };
  const ownUnread = new OwnUnread(clientOf(async () => ({ conversations: [own] })), list);
  await ownUnread.load(1);
  assert.equal(ownUnread.count, 1);
  await ownUnread.load(0); // after a reconnect, when it is a colleague's
  assert.equal(ownUnread.count, 0);
});

test("a count of a view that has more is shown as at least so many", () => {
  assert.deepEqual([countText(12), countText(1000, true), countText(12_345)], ["12", "1,000+", "9,999+"]);
});
