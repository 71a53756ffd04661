// Shared by the tests: the users of one account, and sockets of the official client that record their events.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { io } from "socket.io-client";

export const desk = JSON.parse(process.env.DESK);

export const TIMEOUT_MS = 20_000; // longer than a busy machine stands still
const sockets = [];

// Open a socket with the token of `user`; `options` are those of the client.
export function open(user, options = {}) {
  const socket = io(desk.url, { auth: user ? { token: desk.tokens[user] } : {}, forceNew: true, ...options });
  socket.received = [];
  socket.arrivals = new EventEmitter();
  socket.onAny((event, payload) => {
    socket.received.push({ event, payload });
    socket.arrivals.emit("event");
  });
  sockets.push(socket);
  return socket;
}

export async function connect(user, options) {
  const socket = open(user, options);
  await receives(socket, "authenticated");
  return socket;
}

export async function join(user, options) {
  const socket = await connect(user, options);
  await done(socket, "join_conversation", desk.conversation);
  return socket;
}

// Drop the connection, without a closing packet where the transport allows it.
export function cut(socket) {
  const { engine } = socket.io;
  if (engine.transport.name === "websocket") engine.transport.ws.terminate();
  else engine.close();
}

export function closeAll() {
  for (const socket of sockets.splice(0)) socket.disconnect();
}

// Send a request, assert that it succeeds, and return the response.
export async function done(socket, event, ...payload) {
  const answer = await socket.timeout(TIMEOUT_MS).emitWithAck(event, ...payload);
  assert.equal(answer.ok, true, `${event}: ${JSON.stringify(answer)}`);
  return answer;
}

// Send a request, assert that it is refused, and return the error.
export async function refused(socket, event, ...payload) {
  const { ok, error } = await socket.timeout(TIMEOUT_MS).emitWithAck(event, ...payload);
  assert.equal(ok, false, event);
  assertError(error);
  return error;
}

export function assertError(error) {
  assert.equal(typeof error.message, "string");
  assert.match(error.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}

// Wait for the first event with this name and these fields, and return its payload. It is removed unless `keep` is set.
export async function receives(socket, event, fields = {}, { keep = false } = {}) {
  const matches = (one) =>
    one.event === event && Object.entries(fields).every(([name, value]) => one.payload[name] === value);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (;;) {
    const index = socket.received.findIndex(matches);
    if (index >= 0) return (keep ? socket.received[index] : socket.received.splice(index, 1)[0]).payload;
    await once(socket.arrivals, "event", { signal }).catch(() =>
      assert.fail(`no ${event} ${JSON.stringify(fields)} among ${JSON.stringify(socket.received)}`),
    );
  }
}

export function names(socket) {
  return socket.received.map((one) => one.event);
}
