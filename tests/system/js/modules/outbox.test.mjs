// Messages that were written to a conversation which is continued in another one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Outbox } = await load("client/src/outbox.ts");
const { DeskClient } = await load("client/src/client.ts");

const settled = () => new Promise((resolve) => setImmediate(resolve));

function storageOf(items = new Map()) {
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
}

test("a pending message is listed with the conversation that continues its own, and sent to its own", async () => {
  const attempts = [];
  const persistence = { storage: storageOf(), key: "outbox" };
  const lost = new Outbox((payload) => new Promise(() => attempts.push(payload)), () => true, persistence);
  lost.write({ conversationId: "a", content: "Stored already?" });
  lost.write({ conversationId: "a", content: "Its file was uploaded there" });
  lost.move("a", "b");
  lost.move("b", "c");
  assert.deepEqual(
    lost.pending.map(({ conversationId }) => conversationId),
    ["c", "c"],
  );
  const reloaded = new Outbox(async (payload) => attempts.push(payload), () => true, persistence);
  await reloaded.flush();
  const sent = (content, one) => ({ conversationId: "a", content, clientMessageId: lost.pending[one].clientMessageId });
  assert.deepEqual(attempts, [
    sent("Stored already?", 0),
    sent("Stored already?", 0),
    sent("Its file was uploaded there", 1),
  ]);
});

function clientOf(role) {
  const client = new DeskClient({ url: "http://localhost", token: () => "", socket: { autoConnect: false } });
  client.close();
  client.person = { role };
  return client;
}

test("a continuation that a receipt names is emitted once for all messages", async () => {
  const client = clientOf("customer");
  const continued = [];
  client.on("continued", (one) => continued.push(one));
  client.isReady = true;
  client.request = async (_, { conversationId }) => ({ conversationId: conversationId === "a" ? "b" : conversationId });
  for (const content of ["1", "2"]) client.outbox.write({ conversationId: "a", content });
  while (client.outbox.pending.length > 0) await settled();
  assert.deepEqual(continued, [{ conversationId: "a", continuedIn: "b" }]);
});

test("a pending note of an agent stays in its conversation when the customer continues in another one", () => {
  const listed = ["customer", "agent"].map((role) => {
    const client = clientOf(role);
    client.outbox.write({ conversationId: "a", content: "Pending" });
    for (const handle of client.socket.listeners("conversation_continued"))
      handle({ conversationId: "a", continuedIn: "b" });
    return client.outbox.pending[0].conversationId;
  });
  assert.deepEqual(listed, ["b", "a"]);
});
