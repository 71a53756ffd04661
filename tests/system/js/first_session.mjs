// A customer asks a question and an agent replies with the help of the AI. The environment has a token for each.
import { io } from "socket.io-client";

const { DESK_URL = "http://127.0.0.1:5000", CUSTOMER_TOKEN, AGENT_TOKEN } = process.env;

async function connect(token) {
  const socket = io(DESK_URL, { auth: { token } });
  socket.on("authentication_error", ({ code, message }) => console.error(`${code}: ${message}`));
  socket.on("connect_error", ({ message }) => console.error(`${DESK_URL}: ${message}`));
  const user = await new Promise((resolve) => socket.once("authenticated", resolve));
  return { socket, user };
}

// The response to a request is {ok: true, …} or {ok: false, error: {code, message, …}}.
async function request(socket, event, payload) {
  const { ok, error, ...response } = await socket.timeout(5000).emitWithAck(event, payload);
  if (!ok) throw new Error(`${event}: ${error.code}, ${error.message}`);
  return response;
}

const { socket: customer, user: customerUser } = await connect(CUSTOMER_TOKEN);
const { socket: agent, user: agentUser } = await connect(AGENT_TOKEN);

customer.on("typing_start", ({ userName }) => console.log(`${userName} is typing…`));
customer.on("new_message", (message) => console.log(`${message.seq}. ${message.senderName}: ${message.content}`));
agent.on("ai_classification", ({ classification }) => console.log(`AI classification: ${classification.category}`));
agent.on("ai_draft", ({ draft }) => {
  console.log(`AI draft: ${draft.content.replace(/\s+/g, " ").slice(0, 90)}…`);
});
// An AI run ends with ai_processing_completed or ai_error. Drafts are made for assigned conversations only.
const drafted = new Promise((resolve) => {
  agent.on("ai_processing_completed", ({ processingType }) => processingType === "draft" && resolve());
  agent.on("ai_error", resolve);
});

const { conversation } = await request(customer, "start_conversation", { subject: "My order" });
const { conversationId } = conversation;
await request(customer, "join_conversation", { conversationId });
await request(agent, "join_conversation", { conversationId });
await request(agent, "assign_conversation", { conversationId, agentId: agentUser.userId });

const question = "Hello, where is my parcel? It should have come on Monday.";
await request(customer, "send_message", { conversationId, content: question });
await request(agent, "typing_start", { conversationId });
await drafted;

// Repeating a request with the same clientMessageId, for instance after a timeout, returns the first response.
const reply = { conversationId, content: "I am looking into it.", clientMessageId: crypto.randomUUID() };
const sent = await request(agent, "send_message", reply);
const repeated = await request(agent, "send_message", reply);
console.log(sent.messageId === repeated.messageId ? "sent once" : "sent twice");

await request(customer, "message_read", { conversationId, messageId: sent.messageId });
await request(agent, "update_conversation_status", { conversationId, status: "closed" });
console.log(`${customerUser.email} and ${agentUser.email} are done.`);
customer.disconnect();
agent.disconnect();
