// A server with a recovery window of one second and an authentication timeout of three. The caller writes a line to
// standard input when the session of the printed pid has expired.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, cut, join, open, receives } from "./sockets.mjs";

after(closeAll);

test("socket that does not authenticate in time receives the reason and is disconnected", async () => {
  const socket = open(null, { reconnection: false });
  const reason = await receives(socket, "disconnect_reason");
  assert.equal(reason.code, "UNAUTHORIZED");
  assert.equal(reason.reconnect, false);
  if (socket.connected) await once(socket, "disconnect");
  assert.equal(socket.active, false);
});

test("client that reconnects after the recovery window is not recovered", async () => {
  const socket = await join("customer", { transports: ["websocket"], reconnection: false });
  cut(socket);
  await once(socket, "disconnect");
  console.log(`cut ${socket._pid}`);

  await once(process.stdin, "data");
  socket.connect();
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
  process.stdin.destroy();
});
