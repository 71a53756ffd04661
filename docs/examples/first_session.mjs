// A customer asks a question, the AI drafts a reply, an agent answers. Needs two tokens in the environment.
import { io } from "socket.io-client";

const { DESK_URL = "http://127.0.0.1:5000", CUSTOMER_TOKEN, AGENT_TOKEN } = process.env;

async function connect(token) {
  const socket = io(DESK_URL, { auth: { token } });
  socket.on("authentication_error", ({ code, message }) => console.error(`${code}: ${message}`));
  socket.on("connect_error", ({ message }) => console.error(`${DESK_URL}: ${message}`));
  const identity = await new Promise((resolve) => socket.once("authenticated", resolve));
  return { socket, identity };
}

// Every request is acknowledged with {ok: true, …} or {ok: false, error: {code, message, …}}.
async function request(socket, event, payload) {
  const { ok, error, ...result } = await socket.timeout(5000).emitWithAck(event, payload);
  if (!ok) throw new Error(`${event}: ${error.code}: ${error.message}`);
  return result;
}

const { socket: customer, identity: customerIdentity } = await connect(CUSTOMER_TOKEN);
const { socket: agent, identity: agentIdentity } = await connect(AGENT_TOKEN);

customer.on("typing_start", ({ userName }) => console.log(`${userName} is typing`));
customer.on("new_message", (message) => console.log(`${message.seq}. ${message.senderName}: ${message.content}`));
agent.on("ai_classification", ({ classification }) => console.log(`AI category: ${classification.category}`));
agent.on("ai_draft", ({ draft }) => console.log(`AI draft: ${draft.content.replace(/\s+/g, " ").slice(0, 70)} …`));

// Each AI run ends with ai_processing_completed or ai_error. Drafts are made for assigned conversations only.
const draftFinished = new Promise((resolve) => {
  agent.on("ai_processing_completed", ({ processingType }) => processingType === "draft" && resolve());
  agent.on("ai_error", resolve);
});

const { conversation } = await request(customer, "start_conversation", { subject: "My order" });
const { conversationId } = conversation;
await request(customer, "join_conversation", { conversationId });
await request(agent, "join_conversation", { conversationId });
await request(agent, "assign_conversation", { conversationId, agentId: agentIdentity.userId });

const question = "Hello, where is my parcel? It should have come on Monday.";
await request(customer, "send_message", { conversationId, content: question });
await request(agent, "typing_start", { conversationId });
await draftFinished;

// A retry with the same clientMessageId, for example after a timeout, returns the first receipt.
const reply = { conversationId, content: "I am looking into it.", clientMessageId: crypto.randomUUID() };
const receipt = await request(agent, "send_message", reply);
const retry = await request(agent, "send_message", reply);
console.log(receipt.messageId === retry.messageId ? "sent once" : "sent twice");

await request(customer, "message_read", { conversationId, messageId: receipt.messageId });
await request(agent, "update_conversation_status", { conversationId, status: "closed" });
console.log(`${customerIdentity.email} and ${agentIdentity.email} are done`);
customer.disconnect();
agent.disconnect();
