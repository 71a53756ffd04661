// The option forceBase64 of the official client: binary data in both directions, over each transport and an upgrade.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { io } from "socket.io-client";

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`client with forceBase64 over ${transports} sends and receives binary data`, async () => {
    const socket = io(process.env.ECHO_URL, { transports, forceBase64: true, reconnection: false, forceNew: true });
    await once(socket, "connect");
    if (socket.io.engine.transport.name !== transports.at(-1)) await once(socket.io.engine, "upgrade");
    for (let count = 0; count < 3; count++) {
      const answer = await socket.timeout(5000).emitWithAck("echo", new Uint8Array([1, 2, 255]), { deep: "text" });
      assert.deepEqual([new Uint8Array(answer[0]), answer[1]], [new Uint8Array([1, 2, 255]), { deep: "text" }]);
    }
    assert.equal(socket.io.engine.transport.name, transports.at(-1));
    socket.disconnect();
  });
}
