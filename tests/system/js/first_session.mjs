// A customer asks, an agent answers, the AI helps. The two tokens come from the environment.
import { io } from "socket.io-client";

const { DESK_URL = "http://127.0.0.1:5000", CUSTOMER_TOKEN, AGENT_TOKEN } = process.env;

async function connect(token) {
  const socket = io(DESK_URL, { auth: { token } });
  socket.on("authentication_error", ({ code, message }) => console.error(`${code}: ${message}`));
  socket.on("connect_error", ({ message }) => console.error(`${DESK_URL}: ${message}`));
  const person = await new Promise((resolve) => socket.once("authenticated", resolve));
  return { socket, person };
}

// Every request is answered with {ok: true, …} or {ok: false, error: {code, message, …}}.
async function ask(socket, event, payload) {
  const { ok, error, ...answer } = await socket.timeout(5000).emitWithAck(event, payload);
  if (!ok) throw new Error(`${event}: ${error.code}, ${error.message}`);
  return answer;
}

const { socket: customer, person: who } = await connect(CUSTOMER_TOKEN);
const { socket: agent, person: helper } = await connect(AGENT_TOKEN);

customer.on("typing_start", ({ userName }) => console.log(`${userName} is typing …`));
customer.on("new_message", (message) => console.log(`${message.seq}. ${message.senderName}: ${message.content}`));
agent.on("ai_classification", ({ classification }) => console.log(`the AI finds: ${classification.category}`));
agent.on("ai_draft", ({ draft }) => {
  console.log(`the AI suggests: ${draft.content.replace(/\s+/g, " ").slice(0, 90)} …`);
});
// Each run of the AI ends with ai_processing_completed or ai_error. It drafts because somebody is assigned, see below.
const drafted = new Promise((resolve) => {
  agent.on("ai_processing_completed", ({ processingType }) => processingType === "draft" && resolve());
  agent.on("ai_error", resolve);
});

const { conversation } = await ask(customer, "start_conversation", { subject: "My order" });
const { conversationId } = conversation;
await ask(customer, "join_conversation", { conversationId });
await ask(agent, "join_conversation", { conversationId });
await ask(agent, "assign_conversation", { conversationId, agentId: helper.userId });

const question = "Hello, where is my parcel? It should have come on Monday.";
await ask(customer, "send_message", { conversationId, content: question });
await ask(agent, "typing_start", { conversationId });
await drafted;

// The same clientMessageId again, after a lost answer for instance, gives the first answer again.
const reply = { conversationId, content: "I am looking into it.", clientMessageId: crypto.randomUUID() };
const sent = await ask(agent, "send_message", reply);
const again = await ask(agent, "send_message", reply);
console.log(sent.messageId === again.messageId ? "sent once" : "sent twice");

await ask(customer, "message_read", { conversationId, messageId: sent.messageId });
await ask(agent, "update_conversation_status", { conversationId, status: "closed" });
console.log(`${who.email} and ${helper.email} are done.`);
customer.disconnect();
agent.disconnect();
