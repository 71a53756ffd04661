// The list of conversations: what it shows, and the moves from one to the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { ConversationList } = await load("console/src/state/conversation-list.ts");
const { move, openFirst, advanceAfter } = await load("console/src/state/moving.ts");

globalThis.requestAnimationFrame ??= () => {};

const at = (minute) => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
const conversation = (n, more = {}) => ({
  conversationId: `c${n}`,
  status: "open",
  lastSeq: 1,
  revision: 1,
  createdAt: at(0),
  updatedAt: at(n),
  lastMessage: { seq: 1, timestamp: at(n) },
  ...more,
});

// A server with these pages of conversations, by what is searched for.
function listOf(pages) {
  const request = async (_, { search = "", cursor = "0" }) => {
    const found = pages[search] ?? [];
    const next = Number(cursor) + 1;
    return { conversations: found[Number(cursor)] ?? [], ...(next < found.length ? { nextCursor: String(next) } : {}) };
  };
  return new ConversationList({ request }, () => {}, { ready: Promise.resolve(), views: new Map() });
}

function storeOf(list, openId = null) {
  return {
    list,
    openId,
    get conversation() {
      return list.known.get(this.openId);
    },
    open(conversationId) {
      this.openId = conversationId;
    },
  };
}

const shown = (list) => list.shown.map(({ conversationId }) => conversationId);

test("an assignment does not move a conversation to the top", async () => {
  const list = listOf({ "": [[conversation(2), conversation(1)]] });
  await list.load();
  list.put(conversation(1, { revision: 2, updatedAt: at(9), assignedTo: "zoe" }));
  assert.deepEqual(shown(list), ["c2", "c1"]);
});

test("a cleared search clears its hits", async () => {
  const list = listOf({ "": [[conversation(9)]], tent: [[conversation(1), conversation(9)]] });
  await list.load();
  list.filter({ search: "tent" });
  await list.loaded();
  assert.deepEqual(shown(list), ["c9", "c1"]);
  list.filter({ search: "" });
  await list.loaded();
  assert.deepEqual(shown(list), ["c9"]);
});

test("the open conversation stays known after the search that has found it", async () => {
  const list = listOf({ "": [[conversation(9)]], tent: [[conversation(1)]] });
  list.filter({ search: "tent" });
  await list.loaded();
  list.openId = "c1";
  list.filter({ search: "" });
  await list.loaded();
  assert.ok(list.known.has("c1"));
});

test("a move past the last loaded conversation loads more", async () => {
  const list = listOf({
    "": [
      [conversation(4), conversation(3)],
      [conversation(2), conversation(1)],
    ],
  });
  await list.load();
  const store = storeOf(list, "c3");
  await move(store, 1);
  assert.equal(store.openId, "c2");
  await move(store, -1);
  assert.equal(store.openId, "c3");
});

test("a move while the list is loading opens its first conversation", async () => {
  const list = listOf({ "": [[conversation(2), conversation(1)]] });
  const store = storeOf(list);
  const moved = move(store, 1);
  await list.load();
  await moved;
  assert.equal(store.openId, "c2");
});

test("a move at an end of the list stays there", async () => {
  const list = listOf({ "": [[conversation(2), conversation(1)]] });
  await list.load();
  const store = storeOf(list, "c1");
  await move(store, 1);
  assert.equal(store.openId, "c1");
  await move(store, -1);
  await move(store, -1);
  assert.equal(store.openId, "c2");
});

test("from a conversation that has left the list, a move goes to its neighbours", async () => {
  for (const [by, expected] of [
    [1, "c1"],
    [-1, "c3"],
  ]) {
    const list = listOf({ "": [[conversation(3), conversation(2), conversation(1)]] });
    await list.load();
    list.change("c2", { status: "closed" });
    const store = storeOf(list, "c2");
    await move(store, by);
    assert.equal(store.openId, expected);
  }
});

test("an action that takes the open conversation out of the list opens the next one", async () => {
  const list = listOf({ "": [[conversation(3), conversation(2), conversation(1)]] });
  await list.load();
  const store = storeOf(list, "c2");
  await advanceAfter(store, async () => list.change("c2", { assignedTo: "zoe" }));
  assert.equal(store.openId, "c2");
  await advanceAfter(store, async () => list.change("c2", { status: "closed" }));
  assert.equal(store.openId, "c1");
});

test("the first result of a search is opened, unless a result is open", async () => {
  const list = listOf({ tent: [[conversation(5), conversation(4)]] });
  const store = storeOf(list);
  list.filter({ search: "tent" });
  await openFirst(store);
  assert.equal(store.openId, "c5");
  store.open("c4");
  await openFirst(store);
  assert.equal(store.openId, "c4");
});
