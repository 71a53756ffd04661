// What the console shows of a conversation: blocks of messages, and what is new, unread or searched for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { divide, inside, upTo } = await load("console/src/state/blocks.ts");
const { Reading, firstUnreadSeq, hitSeq } = await load("console/src/state/reading.ts");
const { History } = await load("client/src/history.ts");

const at = (minute) => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
const message = (seq, more = {}) => ({
  seq,
  messageId: `m${seq}`,
  senderId: "hugo",
  senderType: "customer",
  content: `Message ${seq}`,
  contentType: "text",
  timestamp: at(seq),
  ...more,
});
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, n) => message(first + n));

function historyOf(...messages) {
  const history = new History();
  history.add(messages);
  return history;
}

test("blocks without a change are the same objects after an arrival", () => {
  const history = historyOf(...range(1, 5000));
  const before = divide(history, []);
  assert.deepEqual(
    before.flatMap((block) => block.messages.map(({ seq }) => seq)),
    range(1, 5000).map(({ seq }) => seq),
  );
  history.add([message(5001)]);
  const after = divide(history, before);
  assert.deepEqual(
    after.filter((block, n) => block !== before[n]).map((block) => block.messages.at(-1).seq),
    [5001],
  );
});

test("older messages change only the block that follows them", () => {
  const history = historyOf(...range(120, 300));
  const before = divide(history, []);
  history.add(range(70, 119));
  const after = divide(history, before);
  assert.equal(before.filter((block) => !after.includes(block)).length, 1);
  assert.equal(after[0].previous, undefined);
  assert.equal(after[1].previous.seq, 99);
});

test("a changed message changes its block", () => {
  const history = historyOf(...range(1, 200));
  const before = divide(history, []);
  history.update({ seq: 60, messageId: "m60", revision: 1, content: "Changed" });
  const changed = divide(history, before).filter((block) => !before.includes(block));
  assert.deepEqual(
    changed.map(({ number }) => number),
    [1],
  );
});

test("a move is shown before the message that follows it", () => {
  const history = historyOf(...range(1, 120));
  history.follow([{ activityId: "a1", timestamp: at(70.5) }]);
  const moved = divide(history, []).flatMap(({ messages, moves }) =>
    messages.filter((_, n) => moves[n].length > 0).map(({ seq }) => seq),
  );
  assert.deepEqual(moved, [71]);
});

test("a mark outside of a block is the same for it wherever it is", () => {
  const [block] = divide(historyOf(...range(10, 20)), []);
  assert.deepEqual(
    [3, 5, 10, 15, 20, 40].map((seq) => upTo(block, seq)),
    [0, 0, 10, 15, 20, 20],
  );
  assert.deepEqual(
    [3, 5, 10, 15, 20, 40].map((seq) => inside(block, seq)),
    [0, 0, 10, 15, 20, 0],
  );
});

test("the first unread message is the first of the last ones of the customer", () => {
  const messages = [message(1), message(2, { senderType: "agent" }), message(3), message(4, { senderType: "agent" })];
  assert.equal(firstUnreadSeq(messages, 0), 0);
  assert.equal(firstUnreadSeq(messages, 1), 3);
  assert.equal(firstUnreadSeq(messages, 2), 1);
  assert.equal(firstUnreadSeq(messages, 3), 0); // it is not loaded
});

test("arrivals are the messages of others since the user left the end", () => {
  const history = historyOf(...range(1, 3));
  const reading = new Reading();
  reading.open(history, 0);
  history.add([message(4)]);
  assert.deepEqual(reading.arrivals(history, "zoe"), []);
  reading.reachEnd(history);
  reading.isAtEnd = false;
  history.add([message(5), message(6, { senderId: "zoe" }), message(7)]);
  assert.deepEqual(
    reading.arrivals(history, "zoe").map(({ seq }) => seq),
    [5, 7],
  );
  reading.reachEnd(history);
  assert.deepEqual(reading.arrivals(history, "zoe"), []);
});

test("a hit is the newest message with all words of the search", () => {
  const messages = [
    message(1, { content: "A broken tent pole" }),
    message(2, { content: "<p>Broken <b>Pole</b></p>", contentType: "html" }),
    message(3, { content: "A pole" }),
  ];
  assert.equal(hitSeq(messages, "brok pole"), 2);
  assert.equal(hitSeq(messages, "tent"), 1);
  assert.equal(hitSeq(messages, "boots"), 0);
  assert.equal(hitSeq(messages, " , "), 0);
});

test("history that the server may have lost is cleared until the next join", () => {
  const history = new History();
  const joined = {
    conversation: { revision: 3 },
    receipts: [],
    hasMore: true,
    lastSeq: 2,
    messages: [message(1), message(2)],
  };
  history.open(joined, undefined);
  history.clear();
  assert.deepEqual(
    [history.lastSeq, history.hasMore, history.revision, history.isCleared],
    [0, false, undefined, true],
  );
  history.open({ ...joined, lastSeq: 1, messages: [message(1, { content: "Another" })] }, undefined);
  assert.deepEqual(
    history.messages.map(({ content }) => content),
    ["Another"],
  );
  assert.equal(history.isCleared, false);
});
