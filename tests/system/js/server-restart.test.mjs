// The server is stopped and started again at the same address. The caller stops it when this prints "ready", and writes
// a line to standard input when the new one is ready.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, connect, desk, done, receives, join } from "./sockets.mjs";

after(closeAll);

test("restart is announced, and clients reconnect and recover by themselves", async () => {
  const fast = { reconnectionDelay: 100, reconnectionDelayMax: 500 };
  const agent = await join("agent", { transports: ["polling"], ...fast });
  const customer = await join("customer", { transports: ["websocket"], ...fast });
  const before = await done(customer, "send_message", { conversationId: desk.conversation, content: "Are you there?" });
  await receives(agent, "new_message", { messageId: before.messageId });
  const disconnected = [agent, customer].map((socket) => once(socket, "disconnect"));
  console.log("ready");

  for (const socket of [agent, customer]) {
    const { code, reconnect } = await receives(socket, "disconnect_reason");
    assert.deepEqual({ code, reconnect }, { code: "SERVER_SHUTDOWN", reconnect: true });
  }
  for (const [reason] of await Promise.all(disconnected)) assert.notEqual(reason, "io server disconnect");

  await once(process.stdin, "data");
  for (const socket of [agent, customer]) {
    if (!socket.connected) await once(socket, "connect");
    assert.equal(socket.recovered, true);
    const { messages } = await done(socket, "join_conversation", desk.conversation);
    assert.equal(messages.at(-1).messageId, before.messageId);
  }
  const after = await done(customer, "send_message", { conversationId: desk.conversation, content: "Good to see you." });
  await receives(agent, "new_message", { messageId: after.messageId });
  process.stdin.destroy();
});
