// Notifications: whom a note mentions, the rules, and one alert a message.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { mentionsIn } = await load("console/src/state/mentions.ts");
const { DEFAULTS, parseChoices, ruleOf } = await load("console/src/state/notification-rules.ts");
const { claim } = await load("console/src/state/alert-claims.ts");

const colleagues = [
  { agentId: "1", name: "Zoe" },
  { agentId: "2", name: "Zoe Chen" },
  { agentId: "3", name: "Kwame Osei" },
  { agentId: "4", name: "Kwame Osei" },
];

test("a note mentions the colleagues whose names follow an @", () => {
  assert.deepEqual(mentionsIn("@Zoe Chen, please look", colleagues), ["2"]);
  assert.deepEqual(mentionsIn("Ask @zoe. Or (@Zoe Chen)?", colleagues), ["1", "2"]);
  assert.deepEqual(mentionsIn("@Kwame Osei", colleagues), ["3", "4"]);
});

test("an address or a longer word mentions nobody", () => {
  for (const text of ["ada@zoe.example", "@Zoey", "@Kwame", "Zoe", "@", ""])
    assert.deepEqual(mentionsIn(text, colleagues), [], text);
});

test("a note mentions at most ten", () => {
  const many = Array.from({ length: 20 }, (_, n) => ({ agentId: String(n), name: "Sam" }));
  assert.equal(mentionsIn("@Sam", many).length, 10);
});

const asked = { senderType: "customer", private: false };

test("the rule follows from the sender and the assignee", () => {
  assert.equal(ruleOf(asked, { assignedTo: "me" }, "me"), "mine");
  assert.equal(ruleOf(asked, {}, "me"), "unassigned");
  assert.equal(ruleOf(asked, { assignedTo: "other" }, "me"), null);
  assert.equal(ruleOf({ senderType: "agent", private: false }, { assignedTo: "me" }, "me"), null);
});

test("malformed choices are replaced by the defaults", () => {
  assert.deepEqual(parseChoices(null), DEFAULTS);
  for (const stored of ["{", "null", "3", '{"sound": "yes"}']) assert.deepEqual(parseChoices(stored), DEFAULTS);
  assert.deepEqual(parseChoices('{"sound": false, "other": true}'), { ...DEFAULTS, sound: false });
});

function shared() {
  const values = new Map();
  const storage = { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
  let last = Promise.resolve();
  const run = (_, action) => {
    last = last.then(action);
    return last;
  };
  return { storage, run };
}

test("one of many tabs claims an alert", async () => {
  const { storage, run } = shared();
  const claims = await Promise.all(Array.from({ length: 5 }, () => claim("m1", storage, run)));
  assert.deepEqual(claims, [true, false, false, false, false]);
  assert.equal(await claim("m2", storage, run), true);
});

test("without storage each tab alerts", async () => {
  const { storage, run } = shared();
  storage.setItem = () => {
    throw new Error("quota");
  };
  assert.equal(await claim("zoe/m1", storage, run), true);
});

test("claims are bounded, and survive malformed storage", async () => {
  const { storage, run } = shared();
  storage.setItem("hummdesk.alerted", "{");
  for (let n = 0; n < 150; n++) assert.equal(await claim(String(n), storage, run), true);
  assert.equal(JSON.parse(storage.getItem("hummdesk.alerted")).length, 100);
});
