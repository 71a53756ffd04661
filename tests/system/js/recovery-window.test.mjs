// A server with a recovery window of one second.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, cut, join } from "./sockets.mjs";

after(closeAll);

test("client that reconnects after the recovery window is not recovered", async () => {
  const socket = await join("customer", { transports: ["websocket"], reconnection: false });
  cut(socket);
  await once(socket, "disconnect");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  socket.connect();
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});
