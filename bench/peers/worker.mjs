// A minimal AI worker: it emits `ai_processing_started` and does nothing else.
import { Emitter } from "@socket.io/redis-emitter";
import { Worker } from "bullmq";
import { Redis } from "ioredis";

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const emitter = new Emitter(connection.duplicate());

async function classify({ data: { accountId, conversationId, messageId } }) {
  const timestamp = new Date().toISOString();
  const payload = { conversationId, messageId, processingType: "classification", timestamp };
  emitter.to(`account:${accountId}`).emit("ai_processing_started", payload);
}

new Worker("ai", classify, { connection, concurrency: 2 });
