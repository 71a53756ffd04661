// What the tests share: the people of one account, and sockets that remember what they hear.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { io } from "socket.io-client";

export const desk = JSON.parse(process.env.DESK);

const PATIENCE_MS = 5000;
const sockets = [];

// A socket with the token of `who` in its handshake; `options` go to the client.
export function open(who, options = {}) {
  const socket = io(desk.url, { auth: who ? { token: desk.tokens[who] } : {}, forceNew: true, ...options });
  socket.heard = [];
  socket.news = new EventEmitter();
  socket.onAny((event, payload) => {
    socket.heard.push({ event, payload });
    socket.news.emit("heard");
  });
  sockets.push(socket);
  return socket;
}

export async function connect(who, options) {
  const socket = open(who, options);
  await hears(socket, "authenticated");
  return socket;
}

export async function join(who, options) {
  const socket = await connect(who, options);
  await done(socket, "join_conversation", desk.conversation);
  return socket;
}

// Lose the connection, without a word where the transport can.
export function cut(socket) {
  const { engine } = socket.io;
  if (engine.transport.name === "websocket") engine.transport.ws.terminate();
  else engine.close();
}

export function closeAll() {
  for (const socket of sockets.splice(0)) socket.disconnect();
}

// Ask, and expect that it is done.
export async function done(socket, event, ...payload) {
  const answer = await socket.timeout(PATIENCE_MS).emitWithAck(event, ...payload);
  assert.equal(answer.ok, true, `${event}: ${JSON.stringify(answer)}`);
  return answer;
}

// Ask, expect a refusal of the contract's shape, and give its error.
export async function refused(socket, event, ...payload) {
  const { ok, error } = await socket.timeout(PATIENCE_MS).emitWithAck(event, ...payload);
  assert.equal(ok, false, event);
  assertError(error);
  return error;
}

export function assertError(error) {
  assert.equal(typeof error.message, "string");
  assert.match(error.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}

// The first event of this name, with these fields, that was heard and not yet asked for; `keep` leaves it there.
export async function hears(socket, event, fields = {}, { keep = false } = {}) {
  const wanted = (one) =>
    one.event === event && Object.entries(fields).every(([name, value]) => one.payload[name] === value);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const place = socket.heard.findIndex(wanted);
    if (place >= 0) return (keep ? socket.heard[place] : socket.heard.splice(place, 1)[0]).payload;
    await once(socket.news, "heard", { signal }).catch(() =>
      assert.fail(`no ${event} ${JSON.stringify(fields)} among ${JSON.stringify(socket.heard)}`),
    );
  }
}

export function names(socket) {
  return socket.heard.map((one) => one.event);
}
