// Agents and the customer of a conversation, each with a socket of the official client.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { assertError, closeAll, connect, desk, done, receives, join, names, refused, TIMEOUT_MS } from "./sockets.mjs";

afterEach(closeAll);

const { conversation } = desk;

test("join returns the conversation, its messages and its last seq", async () => {
  const agent = await connect("agent");
  const answer = await done(agent, "join_conversation", { conversationId: conversation });
  assert.equal(answer.conversation.conversationId, conversation);
  assert.equal(answer.conversation.customer.id, desk.people.customer.userId);
  assert.equal(answer.lastSeq, answer.messages.at(-1)?.seq ?? 0);
});

test("message is acknowledged and delivered to the other side", async () => {
  const [agent, customer] = [await join("agent"), await join("customer")];
  const sent = await done(customer, "send_message", { conversationId: conversation, content: "  Is my parcel lost?  " });
  await receives(customer, "message_sent", { messageId: sent.messageId, seq: sent.seq });
  const message = await receives(agent, "new_message", { messageId: sent.messageId });
  assert.equal(message.content, "Is my parcel lost?");
  assert.equal(message.senderType, "customer");
  assert.equal(message.senderId, desk.people.customer.userId);
  assert.equal(message.seq, sent.seq);
});

test("repeated clientMessageId returns the first receipt and is delivered once", async () => {
  const [agent, customer] = [await join("agent"), await join("customer")];
  const message = { conversationId: conversation, content: "Sent twice", clientMessageId: randomUUID() };
  const first = await done(agent, "send_message", message);
  const again = await done(agent, "send_message", message);
  assert.deepEqual(again, first);
  const last = await done(agent, "send_message", { conversationId: conversation, content: "And on" });
  assert.equal(last.seq, first.seq + 1);
  await receives(customer, "new_message", { messageId: last.messageId });
  const repeats = customer.received.filter(({ payload }) => payload.clientMessageId === message.clientMessageId);
  assert.equal(repeats.length, 1);
});

test("twenty messages sent at once are delivered in order of seq", async () => {
  const [agent, customer] = [await join("agent"), await join("customer")];
  const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`);
  await Promise.all(texts.map((content) => done(customer, "send_message", { conversationId: conversation, content })));
  const received = [];
  for (const _ of texts) received.push(await receives(agent, "new_message"));
  assert.deepEqual(received.map((message) => message.content), texts);
  received.forEach((message, index) => assert.equal(message.seq, received[0].seq + index));
});

test("typing is delivered to the other side only, and expires", async () => {
  const [agent, customer] = [await join("agent"), await join("customer")];
  await done(customer, "typing_start", { conversationId: conversation });
  await receives(agent, "typing_start", { userId: desk.people.customer.userId, userType: "customer" });
  await receives(agent, "typing_stop", { userId: desk.people.customer.userId });
  assert.ok(!names(customer).includes("typing_start"));
});

test("read mark is delivered to the other side", async () => {
  const [agent, customer] = [await join("agent"), await join("customer")];
  const { messageId } = await done(agent, "send_message", { conversationId: conversation, content: "It is on its way." });
  await done(customer, "message_read", { conversationId: conversation, messageId });
  const read = await receives(agent, "message_read", { messageId, readBy: desk.people.customer.userId });
  assert.equal(read.readByType, "customer");
});

test("private note is delivered to staff and never to the customer", async () => {
  const [agent, colleague, customer] = [await join("agent"), await join("colleague"), await join("customer")];
  const note = { conversationId: conversation, content: "Refund him if he asks again", private: true };
  const { messageId } = await done(agent, "send_message", note);
  await receives(colleague, "new_message", { messageId, private: true });
  await done(agent, "send_message", { conversationId: conversation, content: "One moment, please." });
  assert.notEqual((await receives(customer, "new_message")).messageId, messageId);
});

test("refused request returns its error in the acknowledgement and changes nothing", async () => {
  const [customer, viewer] = [await join("customer"), await connect("viewer")];
  const send = (socket, fields) => refused(socket, "send_message", { conversationId: conversation, content: "x", ...fields });
  assert.deepEqual(Object.keys((await send(customer, { content: "   " })).details), ["content"]);
  assert.deepEqual(Object.keys((await send(customer, { colour: "red" })).details), ["colour"]);
  assert.equal((await send(customer, { conversationId: randomUUID() })).code, "NOT_FOUND");
  assert.equal((await send(customer, { private: true })).code, "FORBIDDEN");
  assert.equal((await send(viewer, {})).code, "FORBIDDEN");
  assert.equal((await refused(customer, "message_delete", {})).code, "UNKNOWN_EVENT");
  assert.equal((await refused(customer, "send_message", "text")).code, "VALIDATION_ERROR");
  assert.ok(!names(customer).includes("new_message"));
});

test("failed request without acknowledgement is reported by the event error", async () => {
  const customer = await connect("customer");
  customer.emit("join_conversation", randomUUID());
  const error = await receives(customer, "error");
  assert.equal(error.code, "NOT_FOUND");
  assertError(error);
});

test("binary content closes the connection and stores nothing", async () => {
  const customer = await join("customer");
  const { lastSeq } = await done(customer, "join_conversation", { conversationId: conversation });
  customer.emit("send_message", { conversationId: conversation, content: Buffer.from([1, 2, 3]) });
  const [reason] = await once(customer, "disconnect", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  assert.equal(reason, "transport close");
  const again = await join("customer");
  const sent = await done(again, "send_message", { conversationId: conversation, content: "Text" });
  assert.equal(sent.seq, lastSeq + 1);
});
