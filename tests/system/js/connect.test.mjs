// Connecting: four places for a token, three combinations of transports, and refused connections.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { assertError, closeAll, connect, desk, done, receives, open, refused } from "./sockets.mjs";

afterEach(closeAll);

const bearer = { Authorization: `Bearer ${desk.tokens.agent}` };

for (const [way, options] of Object.entries({
  "auth.token": { auth: { token: desk.tokens.agent } },
  "the Authorization header, polling": { extraHeaders: bearer, transports: ["polling"] },
  "the Authorization header, websocket": { extraHeaders: bearer, transports: ["websocket"] },
  "the query": { query: { token: desk.tokens.agent } },
})) {
  test(`token in ${way} authenticates`, async () => {
    const socket = open(null, options);
    const { userId, accountId, email, role } = await receives(socket, "authenticated");
    assert.deepEqual({ userId, accountId, email, role }, desk.people.agent);
  });
}

test("handshake token takes precedence over header, header over query", async () => {
  const socket = open("customer", { extraHeaders: bearer, query: { token: desk.tokens.viewer } });
  assert.equal((await receives(socket, "authenticated")).role, "customer");
  const second = open(null, { extraHeaders: bearer, query: { token: desk.tokens.viewer } });
  assert.equal((await receives(second, "authenticated")).role, "agent");
});

test("socket without token stays connected, is refused, and can authenticate later", async () => {
  const socket = open(null);
  const error = await receives(socket, "authentication_error");
  assert.equal(error.code, "UNAUTHORIZED");
  assertError(error);
  assert.equal((await refused(socket, "list_conversations", {})).code, "UNAUTHORIZED");
  assert.equal((await done(socket, "authenticate", desk.tokens.customer)).role, "customer");
  await receives(socket, "authenticated", { userId: desk.people.customer.userId });
  await done(socket, "list_conversations", {});
});

for (const [token, code] of Object.entries({ forged: "UNAUTHORIZED", expired: "TOKEN_EXPIRED", garbage: "UNAUTHORIZED" })) {
  test(`${token} token is refused with ${code}`, async () => {
    const socket = open(token);
    const error = await receives(socket, "authentication_error");
    assert.equal(error.code, code);
    assertError(error);
    assert.equal(socket.connected, true);
    assert.equal((await refused(socket, "get_presence")).code, "UNAUTHORIZED");
  });
}

for (const transport of ["polling", "websocket"]) {
  test(`session over ${transport} alone handles requests`, async () => {
    const socket = await connect("agent", { transports: [transport], upgrade: false });
    assert.equal(socket.io.engine.transport.name, transport);
    for (let turn = 0; turn < 5; turn += 1) await done(socket, "get_presence");
  });
}

test("session that upgrades from polling to websocket loses no response", async () => {
  const socket = open("agent");
  const upgraded = new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
  const answers = Array.from({ length: 20 }, () => done(socket, "get_presence").catch(() => "lost"));
  await receives(socket, "authenticated");
  await upgraded;
  assert.equal(socket.io.engine.transport.name, "websocket");
  await done(socket, "get_presence");
  assert.ok(!(await Promise.all(answers)).includes("lost"));
});

test("unknown namespace is refused", async () => {
  const socket = open("agent");
  const other = socket.io.socket("/admin", {});
  const [error] = await once(other, "connect_error");
  assert.equal(error.message, "Invalid namespace");
  other.disconnect();
});
