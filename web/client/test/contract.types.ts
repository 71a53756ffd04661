// Compiled, never run: correct use of the contract compiles, and incorrect use does not.
import { io, type Socket } from "socket.io-client";
import type { Answer, ClientToServerEvents, ErrorCode, Receipt, ServerToClientEvents } from "../src/contract.js";
import { type DeskSocket, typed } from "../src/socket.js";

const conversationId = "01890a5d-ac96-774b-bcce-b302099a8057";
const stock: Socket<ServerToClientEvents, ClientToServerEvents> = io();
const socket: DeskSocket = typed(stock);

// Events
stock.on("new_message", ({ seq, senderType, clientMessageId }) => {
  const next: number = seq + 1;
  const id: string | undefined = clientMessageId;
  // @ts-expect-error: no such sender type
  if (senderType === "robot") return [next, id];
  return senderType === "system";
});
stock.on("disconnect_reason", ({ reconnect }) => reconnect === true);
// @ts-expect-error: no such event
stock.on("new_mesage", () => undefined);
// @ts-expect-error: a draft has no such field
stock.on("ai_draft", ({ reply }) => reply);

// Requests, with and without an acknowledgement
stock.emit("send_message", { conversationId, content: "Hello" });
stock.emit("send_message", { conversationId, content: "Hello", private: true }, (answer) => {
  // @ts-expect-error: `ok` must be checked first
  const early: number = answer.seq;
  if (answer.ok) return answer.seq + early;
  const code: ErrorCode = answer.error.code;
  // @ts-expect-error: no error has this code
  return code === "TEAPOT";
});
stock.emit("join_conversation", conversationId);
stock.emit("join_conversation", { conversationId, afterSeq: 3 }, (answer) => answer.ok && answer.messages.length);
stock.emit("get_presence", (answer) => answer.ok && answer.agents.map(({ status }) => status === "away"));
stock.emit("get_presence");
// @ts-expect-error: a message has content
stock.emit("send_message", { conversationId });
// @ts-expect-error: unknown field
stock.emit("send_message", { conversationId, content: "Hello", colour: "red" });
// @ts-expect-error: no such status
stock.emit("set_agent_status", { status: "asleep" });
// @ts-expect-error: no such request
stock.emit("delete_everything");

// Promises, with and without a time limit
export async function promises(): Promise<Receipt | undefined> {
  const untyped: Answer<Receipt> = await stock
    .timeout(5000)
    .emitWithAck("send_message", { conversationId, content: "" });
  const answer = await socket.timeout(5000).emitWithAck("send_message", { conversationId, content: "Hello" });
  // @ts-expect-error: `ok` must be checked first
  const early: string = answer.messageId;
  const colleagues = await socket.emitWithAck("get_presence");
  // @ts-expect-error: this request has no payload
  await socket.emitWithAck("get_presence", {});
  // @ts-expect-error: afterSeq is a number
  await socket.emitWithAck("join_conversation", { conversationId, afterSeq: "3" });
  const missed = await socket.timeout(100).emitWithAck("sync", { conversations: { [conversationId]: 0 } });
  for (const part of missed.ok ? Object.values(missed.conversations) : []) {
    if ("messages" in part) part.messages.map(({ content }) => content);
    else part.resyncRequired satisfies boolean;
  }
  socket.timeout(100).emit("sync", { conversations: {} }, (timeout, synced) => (timeout ? undefined : synced.ok));
  return answer.ok && untyped.ok && colleagues.ok && early ? answer : undefined;
}
