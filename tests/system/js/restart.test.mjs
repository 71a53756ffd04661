// Clients whose web process stops and comes back at the same address. Whoever runs this stops it after "ready", and
// writes a line to standard input when it is back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, connect, desk, done, hears, join } from "./desk.mjs";

after(closeAll);

test("a restart is announced, and the clients come back by themselves", async () => {
  const soon = { reconnectionDelay: 100, reconnectionDelayMax: 500 };
  const agent = await join("agent", { transports: ["polling"], ...soon });
  const customer = await join("customer", { transports: ["websocket"], ...soon });
  const before = await done(customer, "send_message", { conversationId: desk.conversation, content: "Are you there?" });
  await hears(agent, "new_message", { messageId: before.messageId });
  const gone = [agent, customer].map((socket) => once(socket, "disconnect"));
  console.log("ready");

  for (const socket of [agent, customer]) {
    const { code, reconnect } = await hears(socket, "disconnect_reason");
    assert.deepEqual({ code, reconnect }, { code: "SERVER_SHUTDOWN", reconnect: true });
  }
  for (const [reason] of await Promise.all(gone)) assert.notEqual(reason, "io server disconnect");

  await once(process.stdin, "data");
  for (const socket of [agent, customer]) {
    if (!socket.connected) await once(socket, "connect");
    assert.equal(socket.recovered, true);
    const { messages } = await done(socket, "join_conversation", desk.conversation);
    assert.equal(messages.at(-1).messageId, before.messageId);
  }
  const after = await done(customer, "send_message", { conversationId: desk.conversation, content: "Good to see you." });
  await hears(agent, "new_message", { messageId: after.messageId });
  process.stdin.destroy();
});
