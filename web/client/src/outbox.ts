import type { ErrorReport, Message, MessageUpdate, Receipt, SendMessage } from "./contract.js";
import { Emitter } from "./emitter.js";
import { RequestError } from "./errors.js";
import { updated } from "./history.js";

/** A message that the server has not acknowledged yet. */
export interface PendingMessage extends SendMessage {
  clientMessageId: string;
  /** When it was written, in ISO 8601. */
  writtenAt: string;
  /**
   * The conversation that it was written to, if another one continues that. It is sent there: the server delivers it to
   * the other one, and finds it if it was stored before.
   */
  writtenTo?: string;
  /** Why the server refused it. A refused message is not sent again unless {@link Outbox.resend} is called. */
  refusal?: ErrorReport;
}

/** @deprecated Use {@link PendingMessage}. */
export type Letter = PendingMessage;

/** Where pending messages are stored; `localStorage` and `sessionStorage` qualify. */
export type OutboxStorage = Pick<Storage, "getItem" | "setItem">;

/** @deprecated Use {@link OutboxStorage}. */
export type Keeping = OutboxStorage;

/** Storage and key under which pending messages survive a reload of the page. */
export interface OutboxPersistence {
  storage: OutboxStorage;
  key: string;
}

const RETRIED_AFTER_NEW_TOKEN = new Set(["UNAUTHORIZED", "TOKEN_EXPIRED"]);
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 8000;

/**
 * Sends messages one after another, in the order in which they were written.
 *
 * A message without a response is retried with the same `clientMessageId`, so that the server stores it once. Emits
 * `changed` with all pending messages, and `refused` with a message that failed permanently.
 */
export class Outbox extends Emitter<{ changed: readonly PendingMessage[]; refused: PendingMessage }> {
  /** All pending and refused messages, oldest first. */
  pending: readonly PendingMessage[];
  private isSending = false;
  private backoff = FIRST_BACKOFF_MS;
  private endBackoff: (() => void) | undefined;

  constructor(
    private readonly send: (payload: SendMessage) => Promise<Receipt>,
    private readonly isOnline: () => boolean,
    private readonly persistence?: OutboxPersistence,
  ) {
    super();
    this.pending = restore(persistence);
  }

  /** @deprecated Use {@link pending}. */
  get letters(): readonly PendingMessage[] {
    return this.pending;
  }

  /** The pending and refused messages of one conversation, oldest first. */
  of(conversationId: string): PendingMessage[] {
    return this.pending.filter((message) => message.conversationId === conversationId);
  }

  /** Queue a message; it is sent as soon as the client is connected. */
  write(message: SendMessage): PendingMessage {
    const written = { clientMessageId: crypto.randomUUID(), ...message, writtenAt: new Date().toISOString() };
    this.store([...this.pending, written]);
    void this.sendPending();
    return written;
  }

  /** Queue a refused message again as a new one. After a `CONFLICT` it is sent although another agent has replied. */
  resend(message: PendingMessage): PendingMessage {
    const { refusal, clientMessageId: _, writtenAt: __, ...payload } = message;
    this.discard(message.clientMessageId);
    return this.write(refusal?.code === "CONFLICT" ? { ...payload, force: true } : payload);
  }

  /** @deprecated Use {@link resend}. */
  again(message: PendingMessage): PendingMessage {
    return this.resend(message);
  }

  /** Remove a message without sending it. */
  discard(clientMessageId: string): void {
    const left = this.pending.filter((message) => message.clientMessageId !== clientMessageId);
    if (left.length < this.pending.length) this.store(left);
  }

  /** Remove a message that was received as an event: it is stored even if its acknowledgement was lost. */
  confirm(message: Message): void {
    if (message.clientMessageId !== undefined) this.discard(message.clientMessageId);
  }

  /** List the messages of a conversation with the one that continues it. Returns whether there are any. */
  move(conversationId: string, continuedIn: string): boolean {
    if (this.of(conversationId).length === 0) return false;
    const moved = (one: PendingMessage) => ({ writtenTo: conversationId, ...one, conversationId: continuedIn });
    this.store(this.pending.map((one) => (one.conversationId === conversationId ? moved(one) : one)));
    return true;
  }

  /** Apply a change to the messages that the refusal of a pending message quotes. */
  update(change: MessageUpdate): void {
    const quotes = (one: PendingMessage) => missedIn(one).some(({ messageId }) => messageId === change.messageId);
    if (this.pending.some(quotes)) this.store(this.pending.map((one) => (quotes(one) ? requoted(one, change) : one)));
  }

  /** Send the pending messages now and end a backoff in progress. The client calls this after each connect. */
  flush(): Promise<void> {
    this.endBackoff?.();
    return this.sendPending();
  }

  private async sendPending(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let next = this.next(); next && this.isOnline(); next = this.next()) await this.deliver(next);
    } finally {
      this.isSending = false;
    }
  }

  private next(): PendingMessage | undefined {
    return this.pending.find(({ refusal }) => refusal === undefined);
  }

  private async deliver(message: PendingMessage): Promise<void> {
    const { writtenAt: _, refusal: __, writtenTo: conversationId = message.conversationId, ...payload } = message;
    try {
      await this.send({ ...payload, conversationId });
      this.discard(message.clientMessageId);
      this.backoff = FIRST_BACKOFF_MS;
    } catch (failure) {
      if (isPermanent(failure)) this.refuse(message, failure.error);
      else await this.wait();
    }
  }

  private refuse(message: PendingMessage, refusal: ErrorReport): void {
    const listed = this.pending.find((one) => one.clientMessageId === message.clientMessageId) ?? message;
    const refused = { ...listed, refusal };
    this.store(this.pending.map((one) => (one.clientMessageId === message.clientMessageId ? refused : one)));
    this.emit("refused", refused);
  }

  private wait(): Promise<void> {
    const delay = this.backoff * (0.5 + Math.random());
    this.backoff = Math.min(this.backoff * 2, LONGEST_BACKOFF_MS);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.endBackoff = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private store(pending: readonly PendingMessage[]): void {
    this.pending = pending;
    try {
      this.persistence?.storage.setItem(this.persistence.key, JSON.stringify(pending));
    } catch {
      // The quota is exhausted or storage is disabled: pending messages are lost with the page.
    }
    this.emit("changed", pending);
  }
}

function isPermanent(failure: unknown): failure is RequestError {
  return failure instanceof RequestError && !failure.isTransient && !RETRIED_AFTER_NEW_TOKEN.has(failure.error.code);
}

function missedIn({ refusal }: PendingMessage): Message[] {
  return (refusal?.details?.missed ?? []) as Message[];
}

function requoted(message: PendingMessage, change: MessageUpdate): PendingMessage {
  const { refusal } = message;
  if (!refusal) return message;
  const missed = missedIn(message).map((one) => (one.messageId === change.messageId ? updated(one, change) : one));
  return { ...message, refusal: { ...refusal, details: { ...refusal.details, missed } } };
}

function restore(persistence: OutboxPersistence | undefined): readonly PendingMessage[] {
  try {
    const stored: unknown = JSON.parse(persistence?.storage.getItem(persistence.key) ?? "[]");
    return Array.isArray(stored) ? stored : [];
  } catch {
    return [];
  }
}
