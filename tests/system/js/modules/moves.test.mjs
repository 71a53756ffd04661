// Conversations that the user takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { assignees } = await load("console/src/conversation.tsx");

const ADA = { agentId: "ada", name: "Ada", status: "online" };
const ZOE = { agentId: "zoe", name: "Zoe", status: "online" };

// Choose an agent in the menu of a conversation; return what the server is asked for.
function chosen(agent, conversation) {
  const asked = [];
  const store = {
    agents: new Map([ADA, ZOE].map((one) => [one.agentId, one])),
    teams: [],
    me: { userId: "ada" },
    list: { change() {} },
    client: { request: async (name) => void asked.push(name) },
    teamFor: () => undefined,
    attempt: (run) => run(),
    assign: () => asked.push("assign_conversation"),
  };
  const isMeant = ({ label }) => (agent === ADA ? label === "console.conversation.you" : label === agent.name);
  assignees(store, { conversationId: "c", status: "open", ...conversation }).find(isMeant).choose();
  return asked;
}

test("a user who takes a conversation that nobody has claims it, so that a colleague keeps it", () => {
  assert.deepEqual(chosen(ADA, {}), ["claim_conversation"]);
  assert.deepEqual(chosen(ADA, { status: "pending" }), ["claim_conversation"]);
  assert.deepEqual(chosen(ADA, { status: "closed" }), ["assign_conversation"]);
  assert.deepEqual(chosen(ADA, { assignedTo: "zoe" }), ["assign_conversation"]);
  assert.deepEqual(chosen(ZOE, {}), ["assign_conversation"]);
});
