// @hummdesk/client through network failures: no message is missed or sent twice, and its state is reported.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect as dial } from "node:net";
import { after, afterEach, test } from "node:test";
import { DeskClient, NoResponseError, Outbox, RequestError, textColorOn } from "../../../web/client/dist/index.js";
import { closeAll, desk, done, join, TIMEOUT_MS } from "./sockets.mjs";

const conversationId = desk.conversation;
const clients = [];
const { hostname, port } = new URL(desk.url);
const open = new Set();
let isCut = false;
const proxy = createServer((downstream) => {
  if (isCut) return downstream.destroy();
  const upstream = dial(Number(port), hostname);
  for (const [one, other] of [[downstream, upstream], [upstream, downstream]]) {
    open.add(one);
    one.on("error", () => {}).on("close", () => open.delete(one) && other.destroy());
    one.pipe(other);
  }
});
proxy.listen(0, "127.0.0.1");
await once(proxy, "listening");

const cut = () => {
  isCut = true;
  for (const socket of open) socket.destroy();
};
// engine.io-client notices a cut in the middle of its upgrade only by the heartbeat, after 45 s.
const upgraded = (one) => until(() => !one.socket.io.engine.upgrading, () => "still upgrading");
const restore = () => {
  isCut = false;
};

afterEach(() => {
  restore();
  for (const client of clients.splice(0)) client.close();
  closeAll();
});
after(() => proxy.close());

// A client behind the proxy that records its events.
function createClient(user, options = {}) {
  const fast = { reconnectionDelay: 50, reconnectionDelayMax: 200, ...options.socket };
  const client = new DeskClient({
    url: `http://127.0.0.1:${proxy.address().port}`,
    token: () => desk.tokens[user],
    ...options,
    socket: { forceNew: true, ...fast },
  });
  client.events = [];
  for (const name of ["state", "message", "reloaded", "refused", "typing", "read"])
    client.on(name, (payload) => client.events.push({ name, payload }));
  clients.push(client);
  return client;
}

async function until(condition, describe) {
  const end = Date.now() + TIMEOUT_MS;
  while (!condition()) {
    assert.ok(Date.now() < end, describe());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const reaches = (one, ...states) => until(() => states.includes(one.state), () => `${one.state}, not ${states}`);
const contents = (one) => one.history(conversationId).messages.map(({ content }) => content);
const states = (one) => one.events.filter(({ name }) => name === "state").map(({ payload }) => payload);
const write = (one, content) => one.outbox.write({ conversationId, content });
const empty = (one) => until(() => one.outbox.pending.length === 0, () => JSON.stringify(one.outbox.pending));

function inOrder(one) {
  const seqs = one.history(conversationId).messages.map(({ seq }) => seq);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
}

test("client is recovered after a short loss and has missed messages once", async () => {
  const agent = await join("agent");
  const customer = createClient("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  await upgraded(customer);
  cut();
  await reaches(customer, "offline");
  await done(agent, "send_message", { conversationId, content: "while you were away" });
  restore();
  await reaches(customer, "recovered");
  await until(() => contents(customer).includes("while you were away"), () => contents(customer).join());
  assert.deepEqual(states(customer), ["online", "offline", "recovered"]);
  inOrder(customer);
});

test("client that cannot be recovered requests more than a page of missed messages", async () => {
  const agent = await join("agent");
  const otherTab = await join("agent"); // a socket may send 100 requests at once
  const customer = createClient("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  await upgraded(customer);
  cut();
  await reaches(customer, "offline");
  const missed = Array.from({ length: 120 }, (_, number) => `missed ${number}`);
  const send = (socket) => (content) => done(socket, "send_message", { conversationId, content });
  await Promise.all(missed.slice(0, 60).map(send(agent)));
  await Promise.all(missed.slice(60).map(send(otherTab)));
  customer.socket._pid = undefined;
  restore();
  await reaches(customer, "resynchronized");
  assert.deepEqual(contents(customer).filter((content) => content.startsWith("missed")), missed);
  assert.equal(customer.events.filter(({ name, payload }) => name === "message" && payload.content === "missed 7").length, 1);
  inOrder(customer);
  await done(agent, "send_message", { conversationId, content: "and on it goes" });
  await until(() => contents(customer).at(-1) === "and on it goes", () => contents(customer).at(-1));
});

test("client that has missed more than an answer can have reloads the history and pages through it", async () => {
  const senders = [await join("admin"), await join("colleague")]; // a person may send a megabyte at once
  const customer = createClient("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  await upgraded(customer);
  cut();
  await reaches(customer, "offline");
  for (let number = 0; number < 30; number++) {
    await done(senders[number % 2], "send_message", { conversationId, content: `heavy ${number} ${"\u{1F600}".repeat(9_900)}` });
  }
  customer.socket._pid = undefined;
  restore();
  await reaches(customer, "resynchronized");
  assert.ok(customer.events.some(({ name }) => name === "reloaded"));
  const loaded = () => contents(customer).filter((content) => content.startsWith("heavy")).length;
  assert.ok(loaded() > 10 && loaded() < 30, loaded());
  while (loaded() < 30 && customer.history(conversationId).hasMore) await customer.loadOlder(conversationId);
  assert.equal(loaded(), 30);
  inOrder(customer);
  const { lastSeq, firstSeq, messages } = customer.history(conversationId);
  assert.equal(messages.length, lastSeq - firstSeq + 1);
});

test("client cut off while resynchronizing resynchronizes again although its session is recovered", async () => {
  const agent = await join("agent");
  const customer = createClient("customer", { socket: { transports: ["websocket"] } }); // without an upgrade
  await reaches(customer, "online");
  await customer.join(conversationId);
  await upgraded(customer);
  cut();
  await reaches(customer, "offline");
  await done(agent, "send_message", { conversationId, content: "missed while resynchronizing" });
  customer.socket._pid = undefined;
  const requested = new Promise((resolve) => customer.socket.onAnyOutgoing(resolve));
  restore();
  assert.equal(await requested, "join_conversation");
  customer.socket.offAnyOutgoing();
  cut();
  await until(() => !customer.socket.connected, () => "still connected");
  restore();
  await reaches(customer, "resynchronized");
  assert.ok(customer.socket.recovered);
  assert.equal(contents(customer).at(-1), "missed while resynchronizing");
  await done(agent, "send_message", { conversationId, content: "and live" });
  await until(() => contents(customer).at(-1) === "and live", () => contents(customer).at(-1));
});

test("messages written offline are visible as pending and sent once, in order", async () => {
  const stored = new Map();
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  const agent = await join("agent");
  const customer = createClient("customer", { persistence: { storage, key: "outbox" } });
  await reaches(customer, "online");
  await customer.join(conversationId);
  await upgraded(customer);
  cut();
  await reaches(customer, "offline");
  const texts = Array.from({ length: 20 }, (_, number) => `offline ${number}`);
  for (const text of texts) write(customer, text);
  assert.deepEqual(customer.outbox.of(conversationId).map(({ content }) => content), texts);
  customer.close(); // as if the page was left and opened again
  restore();
  const again = createClient("customer", { persistence: { storage, key: "outbox" } });
  await reaches(again, "online");
  await empty(again);
  const { messages } = await done(agent, "get_messages", { conversationId });
  assert.deepEqual(messages.map(({ content }) => content).filter((content) => content.startsWith("offline")), texts);
});

test("messages sent through twenty losses are stored once, in order", async () => {
  const agent = await join("agent");
  const customer = createClient("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  const texts = [];
  for (let round = 0; round < 20; round += 1) {
    for (let number = 0; number < 3; number += 1) texts.push(`round ${round} ${number}`);
    for (const text of texts.slice(-3)) write(customer, text);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    await upgraded(customer);
    cut();
    await reaches(customer, "offline");
    restore();
    await reaches(customer, "recovered", "resynchronized");
  }
  await empty(customer);
  const { messages } = await done(agent, "get_messages", { conversationId, limit: 100 });
  const stored = messages.map(({ content }) => content).filter((content) => content.startsWith("round"));
  assert.deepEqual(stored, texts);
  await until(() => contents(customer).filter((content) => content.startsWith("round")).length === 60, () => contents(customer).length);
  inOrder(customer);
});

test("pending message is retried at once after a reconnect, whatever the backoff", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] }); // the backoff never elapses
  const failures = [new NoResponseError()];
  const send = async () => {
    if (failures.length > 0) throw failures.shift();
  };
  const outbox = new Outbox(send, () => true);
  outbox.write({ conversationId, content: "retried" });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(outbox.pending.length, 1);
  void outbox.flush();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(outbox.pending, []);
});

test("reply based on an old state is refused, keeps its text and can be resent", async () => {
  const colleague = await join("colleague");
  const agent = createClient("agent");
  await reaches(agent, "online");
  const { history } = await agent.join(conversationId);
  const basedOnSeq = history.lastSeq;
  await done(colleague, "send_message", { conversationId, content: "I was faster" });
  agent.outbox.write({ conversationId, content: "too late", basedOnSeq });
  write(agent, "another");
  await until(() => agent.outbox.pending.some(({ refusal }) => refusal), () => "no refusal");
  await until(() => contents(agent).includes("another"), () => "one refusal stopped the others");
  const [message] = agent.outbox.pending;
  assert.equal(message.refusal.code, "CONFLICT");
  assert.equal(message.refusal.details.missed[0].content, "I was faster");
  agent.outbox.resend(message);
  await empty(agent);
  await until(() => contents(agent).includes("too late"), () => contents(agent).join());
});

test("messages sent during a join are received", async () => {
  const [agent, customer] = [await join("agent"), createClient("customer")];
  await reaches(customer, "online");
  for (let round = 0; round < 5; round += 1) {
    customer.leave(conversationId);
    const sent = Array.from({ length: 8 }, (_, n) =>
      done(agent, "send_message", { conversationId, content: `${round}.${n}` }),
    );
    const { history } = await customer.join(conversationId);
    const last = Math.max(...(await Promise.all(sent)).map(({ seq }) => seq));
    await until(() => history.lastSeq === last, () => `${history.lastSeq}, not ${last}`);
    assert.equal(history.messages.length, last - history.firstSeq + 1);
  }
});

test("rejected token is reported and not retried", async () => {
  const rejected = createClient("forged");
  await until(() => rejected.events.some(({ name }) => name === "refused"), () => rejected.state);
  assert.equal(rejected.events.find(({ name }) => name === "refused").payload.code, "UNAUTHORIZED");
  assert.equal(rejected.socket.active, false);
  await assert.rejects(rejected.request("list_conversations", {}), { name: "NoResponseError" });
});

test("expired token is replaced without a new connection", async () => {
  const tokens = ["expired", "customer"];
  const customer = createClient("customer", { token: () => desk.tokens[tokens.shift()] });
  await reaches(customer, "online");
  assert.deepEqual(tokens, []);
  await customer.join(conversationId);
});

test("token request is retried after a transient failure only", async () => {
  const failures = [new RequestError({ code: "RATE_LIMITED", message: "later" })];
  const token = () => {
    if (failures.length > 0) throw failures.shift();
    return desk.tokens.customer;
  };
  const customer = createClient("customer", { token });
  await reaches(customer, "online");
  assert.deepEqual(failures, []);
  assert.ok(states(customer).includes("offline"));
  const error = { code: "FORBIDDEN", message: "not from here" };
  const rejected = createClient("customer", { token: () => Promise.reject(new RequestError(error)) });
  await until(() => rejected.events.some(({ payload }) => payload === error), () => rejected.state);
  assert.equal(rejected.socket.active, false);
});

test("typing is throttled", async () => {
  const agent = await join("agent");
  const customer = createClient("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  for (let key = 0; key < 20; key += 1) customer.type(conversationId);
  customer.stopTyping(conversationId);
  await until(() => agent.received.some(({ event }) => event === "typing_stop"), () => JSON.stringify(agent.received));
  assert.equal(agent.received.filter(({ event }) => event === "typing_start").length, 1);
});

test("typing of a note is sent at once after that of a reply", async () => {
  const customer = await join("customer");
  const colleague = await join("colleague");
  const agent = createClient("agent");
  await reaches(agent, "online");
  await agent.join(conversationId);
  for (const isPrivate of [false, true, true]) agent.type(conversationId, { isPrivate });
  agent.stopTyping(conversationId);
  const typing = ({ received }) => received.filter(({ event }) => event.startsWith("typing_"));
  await until(() => typing(colleague).length === 4, () => JSON.stringify(colleague.received));
  assert.deepEqual(
    typing(colleague).map(({ event, payload }) => [event, payload.private]),
    [["typing_start", false], ["typing_stop", false], ["typing_start", true], ["typing_stop", true]],
  );
  await until(() => typing(customer).length >= 2, () => JSON.stringify(customer.received));
  assert.deepEqual(typing(customer).map(({ event }) => event), ["typing_start", "typing_stop"]);
});

test("refused request throws an error with its code", async () => {
  const customer = createClient("customer");
  await reaches(customer, "online");
  const isForbidden = (failure) => failure instanceof RequestError && failure.error.code === "FORBIDDEN";
  await assert.rejects(customer.request("get_presence"), isForbidden);
});

test("text on every color has a contrast of at least 4.5 to 1", () => {
  const linear = (share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
  const luminance = (color) =>
    [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(parseInt(color.slice(1 + 2 * i, 3 + 2 * i), 16) / 255), 0);
  const contrast = (one, other) => {
    const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  };
  for (let number = 0; number < 0x1000000; number += 997) {
    const color = `#${number.toString(16).padStart(6, "0")}`;
    assert.ok(contrast(textColorOn(color), color) >= 4.5, color);
  }
  assert.deepEqual(["#000000", "#ffffff", "#0b5f59", "#ffd400"].map(textColorOn), ["#ffffff", "#000000", "#ffffff", "#000000"]);
});
