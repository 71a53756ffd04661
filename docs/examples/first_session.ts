// A customer asks a question, the AI drafts a reply, an agent answers. Needs two tokens in the environment.
import { DeskClient, type PersonIdentity } from "@hummdesk/client";

declare const process: { env: Record<string, string | undefined> };
const { DESK_URL: url = "http://127.0.0.1:5000", CUSTOMER_TOKEN = "", AGENT_TOKEN = "" } = process.env;

// A page fetches its token from your server; this function is called again when a token expires.
async function connect(token: string): Promise<{ desk: DeskClient; identity: PersonIdentity }> {
  const desk = new DeskClient({ url, token: () => token });
  desk.on("refused", ({ code, message }) => console.error(`${code}: ${message}`));
  await new Promise<void>((resolve) => desk.on("state", (state) => state === "online" && resolve()));
  return { desk, identity: desk.person as PersonIdentity };
}

const { desk: customer, identity: customerIdentity } = await connect(CUSTOMER_TOKEN);
const { desk: agent, identity: agentIdentity } = await connect(AGENT_TOKEN);

customer.on("typing", ({ userName, isTyping }) => isTyping && console.log(`${userName} is typing`));
customer.on("message", ({ seq, senderName, content }) => console.log(`${seq}. ${senderName}: ${content}`));
// Events that the client does not handle itself are on its typed Socket.IO socket.
agent.socket.on("ai_classification", ({ classification }) => console.log(`AI category: ${classification.category}`));
agent.socket.on("ai_draft", ({ draft }) => {
  console.log(`AI draft: ${draft.content.replace(/\s+/g, " ").slice(0, 70)} …`);
});
const draftFinished = new Promise<void>((resolve) => {
  agent.socket.on("ai_processing_completed", ({ processingType }) => processingType === "draft" && resolve());
  agent.socket.on("ai_error", () => resolve());
});

const { conversation } = await customer.request("start_conversation", { subject: "My order" });
const { conversationId } = conversation;
await customer.join(conversationId);
await agent.join(conversationId);
await agent.request("assign_conversation", { conversationId, agentId: agentIdentity.userId });

await customer.request("send_message", { conversationId, content: "Hello, where is my parcel? It should have come on Monday." });
agent.type(conversationId);
await draftFinished;

// The outbox retries until the server acknowledges the message; the server stores it once.
const received = new Promise<string>((resolve) => agent.on("message", ({ messageId }) => resolve(messageId)));
agent.outbox.write({ conversationId, content: "I am looking into it." });
const messageId = await received;

await customer.request("message_read", { conversationId, messageId });
await agent.request("update_conversation_status", { conversationId, status: "closed" });
console.log(`${customerIdentity.email} and ${agentIdentity.email} are done`);
customer.close();
agent.close();
