// @hummdesk/client through cuts of the network: nothing is missed, nothing is sent twice, and it says how it stands.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect as dial } from "node:net";
import { after, afterEach, test } from "node:test";
import { Desk, Refused } from "../../../web/client/dist/index.js";
import { closeAll, desk, done, join } from "./desk.mjs";

const conversationId = desk.conversation;
const desks = [];
const { hostname, port } = new URL(desk.url);
const open = new Set();
let isCut = false;
const network = createServer((near) => {
  if (isCut) return near.destroy();
  const far = dial(Number(port), hostname);
  for (const [one, other] of [[near, far], [far, near]]) {
    open.add(one);
    one.on("error", () => {}).on("close", () => open.delete(one) && other.destroy());
    one.pipe(other);
  }
});
network.listen(0, "127.0.0.1");
await once(network, "listening");

const cut = () => {
  isCut = true;
  for (const socket of open) socket.destroy();
};
const mend = () => {
  isCut = false;
};

afterEach(() => {
  mend();
  for (const one of desks.splice(0)) one.close();
  closeAll();
});
after(() => network.close());

// A client whose connection can be cut, and everything that it tells.
function wrapped(who, options = {}) {
  const quick = { reconnectionDelay: 50, reconnectionDelayMax: 200, ...options.socket };
  const one = new Desk({
    url: `http://127.0.0.1:${network.address().port}`,
    token: () => desk.tokens[who],
    ...options,
    socket: { forceNew: true, ...quick },
  });
  one.told = [];
  for (const name of ["state", "message", "reloaded", "refused", "typing", "read"])
    one.on(name, (payload) => one.told.push({ name, payload }));
  desks.push(one);
  return one;
}

async function until(test, what) {
  const end = Date.now() + 8000;
  while (!test()) {
    assert.ok(Date.now() < end, what());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const reaches = (one, ...states) => until(() => states.includes(one.state), () => `${one.state}, not ${states}`);
const said = (one) => one.history(conversationId).messages.map(({ content }) => content);
const states = (one) => one.told.filter(({ name }) => name === "state").map(({ payload }) => payload);
const write = (one, content) => one.outbox.write({ conversationId, content });
const empty = (one) => until(() => one.outbox.letters.length === 0, () => JSON.stringify(one.outbox.letters));

function inOrder(one) {
  const seqs = one.history(conversationId).messages.map(({ seq }) => seq);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
}

test("after a short cut it is recovered, and what was missed is there once", async () => {
  const agent = await join("agent");
  const customer = wrapped("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  cut();
  await reaches(customer, "offline");
  await done(agent, "send_message", { conversationId, content: "while you were away" });
  mend();
  await reaches(customer, "recovered");
  await until(() => said(customer).includes("while you were away"), () => said(customer).join());
  assert.deepEqual(states(customer), ["online", "offline", "recovered"]);
  inOrder(customer);
});

test("where nothing can be recovered it asks for what was missed, more than a page of it", async () => {
  const agent = await join("agent");
  const customer = wrapped("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  cut();
  await reaches(customer, "offline");
  const missed = Array.from({ length: 120 }, (_, number) => `missed ${number}`);
  for (const content of missed) await done(agent, "send_message", { conversationId, content });
  customer.socket._pid = undefined;
  mend();
  await reaches(customer, "resynchronized");
  assert.deepEqual(said(customer).filter((content) => content.startsWith("missed")), missed);
  assert.equal(customer.told.filter(({ name, payload }) => name === "message" && payload.content === "missed 7").length, 1);
  inOrder(customer);
  await done(agent, "send_message", { conversationId, content: "and on it goes" });
  await until(() => said(customer).at(-1) === "and on it goes", () => said(customer).at(-1));
});

test("cut again while it asks for what was missed, it asks once more, although the socket is recovered", async () => {
  const agent = await join("agent");
  const customer = wrapped("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  cut();
  await reaches(customer, "offline");
  await done(agent, "send_message", { conversationId, content: "missed while asking" });
  customer.socket._pid = undefined;
  const isAsking = new Promise((resolve) => customer.socket.onAnyOutgoing(resolve));
  mend();
  assert.equal(await isAsking, "join_conversation");
  customer.socket.offAnyOutgoing();
  cut();
  await until(() => !customer.socket.connected, () => "still connected");
  mend();
  await reaches(customer, "resynchronized");
  assert.ok(customer.socket.recovered);
  assert.equal(said(customer).at(-1), "missed while asking");
  await done(agent, "send_message", { conversationId, content: "and live" });
  await until(() => said(customer).at(-1) === "and live", () => said(customer).at(-1));
});

test("what is written offline waits where it can be seen, and goes once, in order", async () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const agent = await join("agent");
  const customer = wrapped("customer", { keeping: { storage, key: "letters" } });
  await reaches(customer, "online");
  await customer.join(conversationId);
  cut();
  await reaches(customer, "offline");
  const texts = Array.from({ length: 20 }, (_, number) => `offline ${number}`);
  for (const text of texts) write(customer, text);
  assert.deepEqual(customer.outbox.of(conversationId).map(({ content }) => content), texts);
  customer.close(); // the page is left, and opened again
  mend();
  const again = wrapped("customer", { keeping: { storage, key: "letters" } });
  await reaches(again, "online");
  await empty(again);
  const { messages } = await done(agent, "get_messages", { conversationId });
  assert.deepEqual(messages.map(({ content }) => content).filter((content) => content.startsWith("offline")), texts);
});

test("through twenty cuts in the middle of sending each letter is stored once", async () => {
  const agent = await join("agent");
  const customer = wrapped("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  const texts = [];
  for (let round = 0; round < 20; round += 1) {
    for (let number = 0; number < 3; number += 1) texts.push(`round ${round} ${number}`);
    for (const text of texts.slice(-3)) write(customer, text);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    cut();
    await reaches(customer, "offline");
    mend();
    await reaches(customer, "recovered", "resynchronized");
  }
  await empty(customer);
  const { messages } = await done(agent, "get_messages", { conversationId, limit: 100 });
  const stored = messages.map(({ content }) => content).filter((content) => content.startsWith("round"));
  assert.deepEqual(stored, texts);
  await until(() => said(customer).filter((content) => content.startsWith("round")).length === 60, () => said(customer).length);
  inOrder(customer);
});

test("a reply to an old state is refused, keeps its text, and goes again when it is wanted", async () => {
  const colleague = await join("colleague");
  const agent = wrapped("agent");
  await reaches(agent, "online");
  const { history } = await agent.join(conversationId);
  const basedOnSeq = history.lastSeq;
  await done(colleague, "send_message", { conversationId, content: "I was faster" });
  agent.outbox.write({ conversationId, content: "too late", basedOnSeq });
  write(agent, "another");
  await until(() => agent.outbox.letters.some(({ refusal }) => refusal), () => "no refusal");
  await until(() => said(agent).includes("another"), () => "one refusal stopped the others");
  const [letter] = agent.outbox.letters;
  assert.equal(letter.refusal.code, "CONFLICT");
  assert.equal(letter.refusal.details.missed[0].content, "I was faster");
  agent.outbox.again(letter);
  await empty(agent);
  await until(() => said(agent).includes("too late"), () => said(agent).join());
});

test("what is said while somebody enters is heard", async () => {
  const [agent, customer] = [await join("agent"), wrapped("customer")];
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

test("a token that is not accepted is told, and not tried for ever", async () => {
  const nobody = wrapped("forged");
  await until(() => nobody.told.some(({ name }) => name === "refused"), () => nobody.state);
  assert.equal(nobody.told.find(({ name }) => name === "refused").payload.code, "UNAUTHORIZED");
  assert.equal(nobody.socket.active, false);
  await assert.rejects(nobody.ask("list_conversations", {}), { name: "NoResponseError" });
});

test("an expired token is replaced without a new connection", async () => {
  const tokens = ["expired", "customer"];
  const customer = wrapped("customer", { token: () => desk.tokens[tokens.shift()] });
  await reaches(customer, "online");
  assert.deepEqual(tokens, []);
  await customer.join(conversationId);
});

test("a token that is not to be had now is asked for again; one that is refused is not", async () => {
  const failures = [new Refused({ code: "RATE_LIMITED", message: "later" })];
  const token = () => {
    if (failures.length > 0) throw failures.shift();
    return desk.tokens.customer;
  };
  const customer = wrapped("customer", { token });
  await reaches(customer, "online");
  assert.deepEqual(failures, []);
  assert.ok(states(customer).includes("offline"));
  const error = { code: "FORBIDDEN", message: "not from here" };
  const nobody = wrapped("customer", { token: () => Promise.reject(new Refused(error)) });
  await until(() => nobody.told.some(({ payload }) => payload === error), () => nobody.state);
  assert.equal(nobody.socket.active, false);
});

test("keys are told as typing, but not each of them; a refusal is an error with a code", async () => {
  const agent = await join("agent");
  const customer = wrapped("customer");
  await reaches(customer, "online");
  await customer.join(conversationId);
  for (let key = 0; key < 20; key += 1) customer.type(conversationId);
  customer.stopTyping(conversationId);
  await until(() => agent.heard.some(({ event }) => event === "typing_stop"), () => JSON.stringify(agent.heard));
  assert.equal(agent.heard.filter(({ event }) => event === "typing_start").length, 1);
  await assert.rejects(customer.ask("get_presence"), (fault) => fault instanceof Refused && fault.error.code === "FORBIDDEN");
});
