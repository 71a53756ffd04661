// The REST client of @hummdesk/client, against a real web process and against one that fails.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, beforeEach, test } from "node:test";
import { etagOf, FeedError, FIRST_POSITION, NoResponseError, ProblemError, RestClient } from "../../../web/client/dist/rest.js";

const desk = JSON.parse(process.env.DESK);
const admin = new RestClient({ url: desk.url, token: async () => desk.tokens.admin });

const requests = [];
const answers = [];
// Answers each request with the next of `answers`: a status with headers and a body, or undefined to close the connection.
const failing = createServer((request, response) => {
  const { method, url, headers } = request;
  requests.push({ method, url, headers });
  const answer = answers.shift();
  if (!answer) return request.socket.destroy();
  const { status = 200, body = {}, ...more } = answer;
  response.writeHead(status, { "Content-Type": "application/json", ...more }).end(JSON.stringify(body));
});
failing.listen(0, "127.0.0.1");
await once(failing, "listening");
after(() => failing.close());
beforeEach(() => [requests, answers].map((list) => list.splice(0)));

const url = `http://127.0.0.1:${failing.address().port}/`;
const client = new RestClient({ url, token: "hd_key", attempts: 3, backoff: 20, timeout: 20_000 });
const newKey = { name: "shop", scope: "read" };
const keysOf = () => new Set(requests.map(({ headers }) => headers["idempotency-key"]));

test("method returns the answer and throws the problem", async () => {
  const created = await admin.createKey({ name: "JavaScript", scope: "read" });
  const reader = new RestClient({ url: desk.url, token: created.key });
  assert.equal((await admin.getKey(created.id)).name, "JavaScript");
  await assert.rejects(reader.createKey(newKey), (error) => error instanceof ProblemError && error.status === 403);
  await assert.rejects(admin.createKey({ name: "", scope: "all" }), ({ problem, message }) => {
    assert.deepEqual(problem.errors.map(({ field }) => field), ["name", "scope"]);
    return message.includes("name: ") && !problem.isTransient;
  });
  await assert.rejects(admin.getKey("../audit"), { code: "NOT_FOUND" });
});

test("iterator returns the items of all pages", async () => {
  const created = [];
  for (const name of ["one", "two", "three"]) created.push(await admin.createKey({ name, scope: "read" }));
  const names = [];
  for await (const { name } of admin.allKeys({ limit: 1 })) names.push(name);
  assert.deepEqual(names.slice(0, 3), ["three", "two", "one"]);
  const { keys, nextCursor } = await admin.listKeys({ limit: 2 });
  assert.equal(keys.length, 2);
  assert.ok(nextCursor);
});

test("POST is repeated with its key until it is answered", async () => {
  answers.push(undefined, { status: 429, "Retry-After": "1" }, { status: 201, body: { id: "1" }, ETag: '"a"' });
  const started = Date.now();
  const created = await client.createKey(newKey);
  assert.equal(etagOf(created), '"a"');
  assert.equal(requests.length, 3);
  assert.equal(keysOf().size, 1);
  assert.ok(Date.now() - started >= 1000, "Retry-After was not waited for");
  assert.equal(requests[0].url, "/api/v1/keys");
  assert.equal(requests[0].headers.authorization, "Bearer hd_key");
});

test("every call has an Idempotency-Key of its own, or the given one", async () => {
  answers.push({}, {}, {});
  for (const options of [undefined, undefined, { idempotencyKey: "mine" }]) await client.createKey(newKey, options);
  assert.equal(keysOf().size, 3);
  assert.ok(keysOf().has("mine"));
});

test("conflict with Retry-After is repeated, another one is thrown", async () => {
  answers.push({ status: 409, "Retry-After": "0.01" }, { body: { id: "1" } });
  await client.createKey(newKey);
  answers.push({ status: 409 });
  await assert.rejects(client.createKey(newKey), ProblemError);
  assert.equal(requests.length, 3);
});

test("client without an answer throws after its attempts", async () => {
  await assert.rejects(client.listKeys(), NoResponseError);
  assert.equal(requests.length, 3);
});

test("conditional request without an answer is not repeated", async () => {
  await assert.rejects(client.revokeKey("1", { ifMatch: '"a"' }), NoResponseError);
  assert.equal(requests.length, 1);
  assert.equal(requests[0].headers["if-match"], '"a"');
});

test("answer of a proxy becomes a problem", async () => {
  answers.push({ status: 502 }, { status: 502 }, { status: 502, "Content-Type": "text/html" });
  await assert.rejects(client.listKeys(), { status: 502, code: "UNAVAILABLE", isTransient: true });
});

test("signal ends a call between two attempts", async () => {
  answers.push({ status: 503, "Retry-After": "60" });
  const signal = AbortSignal.timeout(100);
  await assert.rejects(client.listKeys({}, { signal }), { name: "TimeoutError" });
});

test("feed has every change, and continues from a position", async () => {
  const feed = admin.feed({ from: await admin.feedPosition() });
  const created = admin.createConversation({ contactId: desk.people.customer.userId, content: "Hello" });
  const { value: first } = await feed.next();
  assert.deepEqual([first.event.type, first.event.subjectId], ["conversation_created", (await created).id]);
  await feed.return();
  for await (const { event, position } of admin.feed({ from: first.position })) {
    assert.deepEqual([event.type, position.number], ["new_message", first.position.number + 1]);
    break;
  }
  for await (const { position } of admin.feed()) if (position.number === first.position.number) break;
});

test("feed that does not continue is refused", async () => {
  const { value: read } = await admin.feed().next();
  const events = [read.event];
  const page = { events, completeTo: 1, digest: read.position.digest, epoch: "one" };
  const shuffled = [{ ...page, digest: FIRST_POSITION.digest }, { ...page, completeTo: 2 }, { ...page, events: [] }];
  for (const wrong of [...shuffled, { ...page, events: [{ ...read.event, number: 2 }] }]) {
    answers.push({ body: wrong });
    await assert.rejects(client.feed().next(), FeedError);
  }
  answers.push({ body: page });
  await assert.rejects(client.feed({ from: { ...FIRST_POSITION, epoch: "two" } }).next(), FeedError);
  answers.push({ body: page });
  assert.deepEqual((await client.feed().next()).value, { event: read.event, position: { ...read.position, epoch: "one" } });
});

test("feed waits through failures, and ends where history is gone", async () => {
  const { event, position } = (await admin.feed().next()).value;
  answers.push(undefined, { status: 500 }, { body: { events: [event], completeTo: 1, ...position } });
  assert.equal((await client.feed().next()).value.position.number, 1);
  answers.push({ status: 410 });
  await assert.rejects(client.feed().next(), { status: 410 });
});
