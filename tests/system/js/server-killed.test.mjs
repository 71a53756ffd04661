// The server is killed and started again at the same address. The caller kills it when this prints "ready", and writes a
// line to standard input when the new one is ready.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, connect, desk, done, receives, join } from "./sockets.mjs";

after(closeAll);

test("sessions and their rooms are recovered after kill -9", async () => {
  const fast = { reconnectionDelay: 100, reconnectionDelayMax: 300 };
  const polling = await join("customer", { transports: ["polling"], ...fast });
  const websocket = await join("agent", { transports: ["websocket"], ...fast });
  const sockets = [polling, websocket];
  const ids = sockets.map(({ id }) => id);
  const back = sockets.map((socket) => once(socket, "disconnect").then(() => once(socket, "connect")));
  console.log("ready");

  await once(process.stdin, "data");
  await Promise.all(back);
  assert.deepEqual(sockets.map(({ recovered }) => recovered), [true, true]);
  assert.deepEqual(sockets.map(({ id }) => id), ids);
  const sender = await connect("admin");
  await done(sender, "send_message", { conversationId: desk.conversation, content: "Still there?" });
  for (const socket of sockets) await receives(socket, "new_message", { content: "Still there?" });
  process.stdin.destroy();
});
