// Clients whose web process is killed and started anew at the same address. Whoever runs this kills it after "ready",
// and writes a line to standard input when it is back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, connect, desk, done, hears, join } from "./desk.mjs";

after(closeAll);

test("a kill -9 is survived with rooms and all", async () => {
  const soon = { reconnectionDelay: 100, reconnectionDelayMax: 300 };
  const polling = await join("customer", { transports: ["polling"], ...soon });
  const websocket = await join("agent", { transports: ["websocket"], ...soon });
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
  for (const socket of sockets) await hears(socket, "new_message", { content: "Still there?" });
  process.stdin.destroy();
});
