// A desk whose window is short.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { closeAll, cut, join } from "./desk.mjs";

after(closeAll);

test("who comes back too late begins anew", async () => {
  const socket = await join("customer", { transports: ["websocket"], reconnection: false });
  cut(socket);
  await once(socket, "disconnect");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  socket.connect();
  await once(socket, "connect");
  assert.equal(socket.recovered, false);
});
