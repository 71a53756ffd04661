// @hummdesk/client during an erasure: connected and returning clients show nothing of what was erased.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { DeskClient } from "../../../web/client/dist/index.js";
import { desk } from "./sockets.mjs";

const { SECRET, LAST_SEQ } = process.env;
const conversationId = desk.conversation;

function createClient() {
  const socket = { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
  return new DeskClient({ url: desk.url, token: () => desk.tokens.agent, socket });
}

async function until(condition, describe) {
  const end = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < end, describe());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const seqs = (client) => client.history(conversationId).messages.map(({ seq }) => seq);
const isErased = (client) => client.history(conversationId).messages.every(({ erased }) => erased);

test("clients replace what was erased while they are connected, reconnecting and away", async () => {
  const clients = [createClient(), createClient(), createClient()];
  const [connected, reconnecting, away] = clients;
  for (const client of clients) {
    await until(() => client.state === "online", () => client.state);
    await client.join(conversationId);
    while (client.history(conversationId).hasMore) await client.loadOlder(conversationId);
    assert.match(JSON.stringify(client.history(conversationId).messages), new RegExp(SECRET));
  }
  away.socket.disconnect();
  const reconnects = setInterval(() => reconnecting.socket.io.engine?.close(), 300);
  console.log("ready");
  await once(process.stdin, "data");
  clearInterval(reconnects);
  away.socket.connect();
  for (const client of clients) await until(() => isErased(client), () => JSON.stringify(seqs(client)));
  for (const client of clients) {
    assert.deepEqual(seqs(client), Array.from({ length: Number(LAST_SEQ) }, (_, n) => n + 1));
    assert.doesNotMatch(JSON.stringify(client.history(conversationId)), new RegExp(SECRET));
    client.close();
  }
  assert.equal(connected.history(conversationId).revision, Number(LAST_SEQ));
  process.stdin.destroy();
});
