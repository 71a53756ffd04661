// Closing a conversation and its undo, and keys that are held.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Closing } = await load("console/src/state/closing.ts");
const { listenForShortcuts } = await load("console/src/shortcuts.ts");

const setActive = (id) => {
  globalThis.document = { activeElement: { id }, querySelector: () => null };
};

// A list of open conversations of which the first is shown, and what the server is asked for.
function storeOf(...conversations) {
  setActive("");
  const known = new Map(conversations.map((one) => [one.conversationId, { status: "open", ...one }]));
  const store = {
    requests: [],
    list: {
      known,
      unread: { of: () => 0 },
      order: (a, b) => (a.conversationId < b.conversationId ? -1 : 1),
      loaded: async () => {},
      get shown() {
        return [...known.values()].filter(({ status }) => status !== "closed");
      },
    },
    openId: conversations[0].conversationId,
    canReply: true,
    selection: { selected: [] },
    text: "",
    client: {
      outbox: { on() {} },
      request: async (name, payload) => void store.requests.push([name, payload]),
    },
    undo: { offer: (action) => Object.assign(store, { action }) },
    get conversation() {
      return known.get(store.openId);
    },
    open: (id) => Object.assign(store, { openId: id }),
    compositionOf: () => ({ text: store.text }),
    setStatus: async (id, status) => {
      store.requests.push([status, id]);
      known.set(id, { ...known.get(id), status });
      return true;
    },
    attempt: async (action) => {
      await action();
      return true;
    },
  };
  store.closing = new Closing(store);
  return store;
}

globalThis.requestAnimationFrame ??= () => {};
const later = new Date(Date.now() + 86_400_000).toISOString();
const earlier = new Date(Date.now() - 86_400_000).toISOString();

async function undone(conversation) {
  const store = storeOf(conversation, { conversationId: "c2" });
  await store.closing.close("c1");
  store.requests.length = 0;
  store.action.undo();
  await new Promise(setImmediate);
  return store.requests;
}

test("the undo of a closing restores the status and the snooze", async () => {
  const snoozed = { conversationId: "c1", status: "pending", snoozedUntil: later };
  const snooze = ["snooze_conversation", { conversationId: "c1", until: later }];
  assert.deepEqual(await undone(snoozed), [["pending", "c1"], snooze]); // a closed one cannot be snoozed
  assert.deepEqual(await undone({ ...snoozed, snoozedUntil: earlier }), [["pending", "c1"]]);
  assert.deepEqual(await undone({ conversationId: "c1", status: "pending" }), [["pending", "c1"]]);
  assert.deepEqual(await undone({ conversationId: "c1" }), [["open", "c1"]]);
});

test("a closed conversation is not closed again", async () => {
  const store = storeOf({ conversationId: "c1", status: "closed" });
  await store.closing.close("c1");
  assert.deepEqual(store.requests, []);
  assert.equal(store.action, undefined);
});

test("the next conversation follows unless the user is writing", async () => {
  const opened = async (text, activeId) => {
    const store = storeOf({ conversationId: "c1" }, { conversationId: "c2" });
    store.text = text;
    setActive(activeId);
    await store.closing.close("c1");
    return store.openId;
  };
  assert.equal(await opened("", "composer"), "c2");
  assert.equal(await opened("Unsent", ""), "c2");
  assert.equal(await opened("One more thing", "composer"), "c1");
});

test("a held key moves in the list, but runs other commands once", () => {
  const listeners = [];
  globalThis.window = { addEventListener: (_, listener) => listeners.push(listener), removeEventListener() {} };
  const store = storeOf({ conversationId: "c1" }, { conversationId: "c2" });
  const runs = [];
  store.closing = { close: (id) => runs.push(id) };
  store.list.loaded = () => {
    runs.push("move");
    return new Promise(() => {});
  };
  listenForShortcuts(store);
  delete globalThis.window;
  const press = (key, repeat) =>
    listeners[0]({ key, repeat, target: { closest: () => null }, preventDefault() {} });
  for (const repeat of [false, true, true]) press("e", repeat);
  assert.deepEqual(runs, ["c1"]);
  for (const repeat of [false, true]) press("j", repeat);
  assert.deepEqual(runs, ["c1", "move", "move"]);
});
