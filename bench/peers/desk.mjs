// A desk with the usual parts of this stack: JWT, PostgreSQL by `pg`, the Redis adapter, a BullMQ job for the AI.
import { randomUUID } from "node:crypto";
import { createAdapter } from "@socket.io/redis-adapter";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import jwt from "jsonwebtoken";
import pg from "pg";

const CONNECTIONS = 10;

const USER = `SELECT id, account_id, email, name, role FROM users WHERE account_id = $1 AND id = $2 AND active`;
const CONTACT = `SELECT id, account_id, email, name, 'customer' AS role FROM contacts
  WHERE account_id = $1 AND id = $2 AND active`;
const MAY_WRITE = `SELECT 1 FROM conversations
  WHERE account_id = $1 AND id = $2 AND ($3::uuid IS NULL OR contact_id = $3)`;
const NEXT_SEQ = `UPDATE conversations SET last_seq = last_seq + 1, last_public_seq = last_seq + 1, updated_at = now()
  WHERE account_id = $1 AND id = $2 RETURNING last_seq::integer AS seq`;
const STORE = `INSERT INTO messages
  (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'text', $9)`;

export async function serveDesk(io, { REDIS_URL, DATABASE_URL, JWT_SECRET, EVENT }) {
  const [event, payload] = JSON.parse(EVENT);
  const redis = new Redis(REDIS_URL);
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: CONNECTIONS });
  const jobs = new Queue("ai", { connection: redis });
  io.adapter(createAdapter(redis, redis.duplicate()));

  io.use(async (socket, next) => {
    try {
      const claims = jwt.verify(socket.handshake.auth.token, JWT_SECRET, { algorithms: ["HS256"] });
      const found = await query(pool, claims.role === "customer" ? CONTACT : USER, [claims.accountId, claims.userId]);
      if (!found.rows.length) throw new Error("unknown person");
      socket.data.person = found.rows[0];
      next();
    } catch (error) {
      next(error);
    }
  });

  io.on("connection", (socket) => {
    const { id, account_id, email, role } = socket.data.person;
    if (role !== "customer") socket.join(account(account_id));
    socket.on("join_conversation", (conversationId, answer) => {
      socket.join(conversation(conversationId));
      answer({ ok: true });
    });
    socket.on("send_message", async (message, answer) => {
      const stored = await store(pool, socket.data.person, message);
      const { messageId, conversationId, seq, timestamp } = stored;
      await jobs.add("classification", { accountId: account_id, conversationId, messageId });
      io.to(conversation(conversationId)).to(account(account_id)).emit("new_message", stored);
      answer({ ok: true, messageId, conversationId, seq, timestamp });
    });
    socket.on("publish", (number) => {
      for (let count = 0; count < number; count++) io.to(account(account_id)).emit(event, payload);
    });
    socket.emit("authenticated", { userId: id, accountId: account_id, email, role });
  });
}

async function store(pool, sender, message) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const stored = await write(client, sender, message);
    await client.query("COMMIT");
    return stored;
  } finally {
    client.release();
  }
}

async function write(client, sender, { conversationId, content }) {
  const place = [sender.account_id, conversationId];
  const customer = sender.role === "customer" ? sender.id : null;
  const allowed = await query(client, MAY_WRITE, [...place, customer]);
  if (!allowed.rows.length) throw new Error("no such conversation");
  const { seq } = (await query(client, NEXT_SEQ, place)).rows[0];
  const [messageId, now] = [randomUUID(), new Date()];
  const senderType = customer ? "customer" : "agent";
  const written = [sender.account_id, messageId, conversationId, seq, sender.id, senderType, sender.name, content, now];
  await query(client, STORE, written);
  return {
    messageId,
    conversationId,
    seq,
    senderId: sender.id,
    senderType,
    senderName: sender.name,
    content,
    contentType: "text",
    attachments: [],
    metadata: {},
    private: false,
    timestamp: now.toISOString(),
  };
}

// Prepared once on each connection: a third cheaper than a statement that is parsed every time.
function query(client, text, values) {
  return client.query({ name: text.slice(0, 60), text, values });
}

const account = (id) => `account:${id}`;
const conversation = (id) => `conversation:${id}`;
