// Changes of the selected conversations, and their undo.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Selection } = await load("console/src/state/selection.ts");

const later = new Date(Date.now() + 86_400_000).toISOString();
const earlier = new Date(Date.now() - 86_400_000).toISOString();

test("the undo of a closing restores each status and snooze, and reopens nothing that was closed before", async () => {
  const requests = [];
  let action;
  const shown = [
    { conversationId: "open", status: "open" },
    { conversationId: "snoozed", status: "pending", snoozedUntil: later },
    { conversationId: "over", status: "pending", snoozedUntil: earlier },
    { conversationId: "pending", status: "pending" },
    { conversationId: "closed", status: "closed" },
  ];
  const request = async (_, { conversationIds, ...change }) => {
    requests.push([conversationIds.join(), change]);
    return { results: conversationIds.map((conversationId) => ({ conversationId, ok: true })) };
  };
  const selection = new Selection({
    list: { shown, change() {} },
    client: { request },
    undo: { offer: (offered) => (action = offered) },
    attempt: (run) => run(),
    changed() {},
  });
  for (const { conversationId } of shown) selection.toggle(conversationId);
  await selection.apply({ status: "closed" });
  requests.length = 0;
  action.undo();
  await new Promise(setImmediate);
  assert.deepEqual(requests, [
    ["open", { status: "open" }],
    ["snoozed", { status: "pending", snoozedUntil: later }],
    ["over,pending", { status: "pending" }],
  ]);
});
