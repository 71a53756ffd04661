import {
  type AvailabilityAnswer,
  DeskClient,
  type ErrorReport,
  type History,
  type Message,
  type PendingMessage,
  type QueuePlace,
  type State,
} from "@hummdesk/client";
import type { Identity, Visitor } from "./visitor.js";

const TYPING_TIMEOUT_MS = 6000;
const RETRY_MS = 2000;

/** Messages written before a conversation exists. The first one starts it, the others follow as its messages. */
interface NewConversation {
  clientMessageId: string;
  texts: string[];
  /** The server may have started it already; a repeated request with the same id returns the same conversation. */
  isTried?: boolean;
}

/** State of the chat: the connection, the visitor's latest conversation, and the unsent messages. */
export class Chat {
  state: State | "idle" = "idle";
  unread = 0;
  isOpen = false;
  problem: ErrorReport | undefined;
  typist: string | undefined;
  newConversation: NewConversation | undefined;
  /** Whether the account is open; undefined until it is known. */
  availability: AvailabilityAnswer | undefined;
  isClosed = false;
  /** The visitor's rating of the closed conversation. */
  rating: number | undefined;
  /** The position of the conversation in the queue; undefined if it does not wait. */
  queue: Partial<QueuePlace> | undefined;
  changed: () => void = () => undefined;
  onUnread: (count: number) => void = () => undefined;
  private client: DeskClient | undefined;
  private conversationId: string | undefined;
  /** The client for which {@link enter} is in progress. */
  private entering: DeskClient | undefined;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly visitor: Visitor,
  ) {
    if (visitor.isKnown) this.connect();
  }

  get history(): History | undefined {
    return this.conversationId === undefined ? undefined : this.client?.history(this.conversationId);
  }

  get pending(): PendingMessage[] {
    return this.conversationId === undefined ? [] : (this.client?.outbox.of(this.conversationId) ?? []);
  }

  open(): void {
    this.isOpen = true;
    this.connect();
    this.markRead();
    this.changed();
  }

  close(): void {
    this.isOpen = false;
    this.changed();
  }

  identify(identity: Identity): void {
    this.disconnect();
    this.visitor.identify(identity);
    this.connect();
  }

  logout(): void {
    this.disconnect();
    this.visitor.forget();
    this.close();
  }

  write(content: string): void {
    if (this.conversationId !== undefined) this.client?.outbox.write({ conversationId: this.conversationId, content });
    else {
      const { clientMessageId = crypto.randomUUID(), texts = [], ...more } = this.newConversation ?? {};
      this.storeNew({ clientMessageId, texts: [...texts, content], ...more });
      if (this.client) void this.enter(this.client);
    }
    this.changed();
  }

  resend(message: PendingMessage): void {
    this.client?.outbox.resend(message);
  }

  type(): void {
    if (this.conversationId !== undefined) this.client?.type(this.conversationId);
  }

  async loadOlder(): Promise<void> {
    if (this.conversationId === undefined) return;
    await this.client?.loadOlder(this.conversationId).catch(() => undefined);
    this.changed();
  }

  private connect(): void {
    if (this.client) return;
    this.problem = undefined;
    const { url, visitor } = this;
    const storage = {
      getItem: (key: string) => visitor.read(key),
      setItem: (key: string, value: string) => visitor.write(key, value),
    };
    const client = new DeskClient({ url, token: visitor.token, persistence: { storage, key: "letters" } });
    this.client = client;
    this.state = "connecting";
    client.on("state", (state) => this.onState(client, state));
    client.on("refused", (error) => {
      this.disconnect();
      this.problem = error;
      this.changed();
    });
    client.on("message", (message) => this.onMessage(message));
    client.on("updated", () => this.changed());
    client.on("reloaded", () => this.changed());
    client.on("read", () => this.changed());
    client.on("activity", () => this.changed());
    client.on("typing", ({ userType, userName, isTyping }) =>
      this.showTyping(userType === "agent" && isTyping ? userName : undefined),
    );
    client.on("availability", (availability) => this.showAvailability(client, availability));
    client.on("queue", ({ conversationId, queue }) => this.showQueue(conversationId, queue));
    client.outbox.on("changed", () => this.changed());
    client.socket.on("conversation_status_changed", ({ conversationId, newStatus }) => {
      if (conversationId === this.conversationId) this.show({ status: newStatus });
    });
  }

  private disconnect(): void {
    this.client?.close();
    this.client = undefined;
    this.conversationId = undefined;
    this.newConversation = undefined;
    this.availability = undefined;
    this.queue = undefined;
    this.state = "idle";
    this.show({ status: "open" });
    this.setUnread(0);
  }

  private onState(client: DeskClient, state: State): void {
    if (client !== this.client) return;
    this.state = state;
    this.changed();
    if (state === "resynchronized" && this.history) void this.refresh(client);
    void this.enter(client);
    if (state === "online" || state === "resynchronized") void this.askAvailability(client);
  }

  /** Of a new session; a recovered one misses no change. */
  private async askAvailability(client: DeskClient): Promise<void> {
    const answer = await client.request("get_availability").catch(() => undefined);
    if (answer) this.showAvailability(client, answer);
  }

  private showAvailability(client: DeskClient, availability: AvailabilityAnswer): void {
    if (client !== this.client) return;
    this.availability = availability;
    this.changed();
  }

  /** A conversation that has just come into the queue has no position yet; a known one is kept until the next. */
  private showQueue(conversationId: string, queue: Partial<QueuePlace> | undefined): void {
    if (conversationId !== this.conversationId) return;
    this.queue = queue && { ...(queue.position === undefined && this.queue), ...queue };
    this.changed();
  }

  /** Join the latest conversation, or start one if a message is waiting; then send the waiting messages. */
  private async enter(client: DeskClient): Promise<void> {
    const isOffline = this.state === "offline" || this.state === "connecting";
    if (isOffline || this.history || this.entering === client) return;
    this.entering = client;
    try {
      const conversationId = this.conversationId ?? (await this.findLatest(client)) ?? (await this.start(client));
      if (client !== this.client) return;
      this.conversationId = conversationId;
      this.sendWaiting();
      if (conversationId !== undefined) {
        const { history, joined } = await client.join(conversationId);
        if (client !== this.client) return;
        this.show(joined.conversation);
        if (!this.isOpen)
          this.setUnread((joined.conversation.unreadCount ?? 0) + receivedSince(joined.lastSeq, history));
      }
      this.markRead();
    } catch {
      setTimeout(() => client === this.client && void this.enter(client), RETRY_MS);
      return;
    } finally {
      if (this.entering === client) this.entering = undefined;
      this.changed();
    }
    if (this.newConversation) void this.enter(client); // a message was written in the meantime
  }

  private async findLatest(client: DeskClient): Promise<string | undefined> {
    this.newConversation ??= this.restoreNew();
    if (this.newConversation?.isTried) return undefined;
    const [latest] = (await client.request("list_conversations", { limit: 1 })).conversations;
    return latest?.conversationId;
  }

  /** Rate the closed conversation from 1 to 5; a comment replaces an earlier one. Returns whether it was stored. */
  async rate(rating: number, comment?: string): Promise<boolean> {
    const { client, conversationId } = this;
    if (!client || conversationId === undefined) return false;
    const given = { conversationId, rating, ...(comment ? { comment } : {}) };
    const isStored = await client.request("rate_conversation", given).then(
      () => true,
      () => false,
    );
    if (isStored && this.isClosed && conversationId === this.conversationId) this.rating = rating;
    this.changed();
    return isStored;
  }

  private show({ status, rating }: { status: string; rating?: number }): void {
    this.isClosed = status === "closed";
    this.rating = this.isClosed ? rating : undefined;
    this.changed();
  }

  /** Show whether the conversation was closed or reopened while the connection was lost. */
  private async refresh(client: DeskClient): Promise<void> {
    const latest = await client.request("list_conversations", { limit: 1 }).catch(() => undefined);
    const found = latest?.conversations.find((one) => one.conversationId === this.conversationId);
    if (found && client === this.client) this.show(found);
  }

  private async start(client: DeskClient): Promise<string | undefined> {
    const { newConversation } = this;
    if (!newConversation || client !== this.client) return undefined;
    this.storeNew({ ...newConversation, isTried: true });
    const { clientMessageId, texts } = newConversation;
    const { conversation } = await client.request("start_conversation", { clientMessageId, content: texts[0] ?? "" });
    if (client === this.client)
      this.storeNew({ ...newConversation, texts: (this.newConversation ?? newConversation).texts.slice(1) });
    return conversation.conversationId;
  }

  private sendWaiting(): void {
    const { newConversation, conversationId } = this;
    if (conversationId === undefined || !newConversation) return;
    this.storeNew(undefined);
    for (const content of newConversation.texts) this.client?.outbox.write({ conversationId, content });
  }

  private storeNew(newConversation: NewConversation | undefined): void {
    this.newConversation = newConversation;
    this.visitor.write("beginning", newConversation ? JSON.stringify(newConversation) : null);
  }

  private restoreNew(): NewConversation | undefined {
    const stored = JSON.parse(this.visitor.read("beginning") ?? "null");
    return Array.isArray(stored?.texts) ? stored : undefined;
  }

  private onMessage(message: Message): void {
    if (message.conversationId !== this.conversationId) return;
    if (message.senderType !== "customer") {
      this.showTyping(undefined);
      if (this.isOpen) this.markRead();
      else this.setUnread(this.unread + 1);
    }
    this.changed();
  }

  private markRead(): void {
    const last = this.history?.messages.at(-1);
    if (!this.isOpen || !last || !this.client) return;
    this.setUnread(0);
    const { conversationId, messageId } = last;
    void this.client.request("message_read", { conversationId, messageId }).catch(() => undefined);
  }

  private showTyping(typist: string | undefined): void {
    clearTimeout(this.typingTimer);
    this.typist = typist;
    if (typist !== undefined) this.typingTimer = setTimeout(() => this.showTyping(undefined), TYPING_TIMEOUT_MS);
    this.changed();
  }

  private setUnread(unread: number): void {
    if (unread === this.unread) return;
    this.unread = unread;
    this.onUnread(unread);
    this.changed();
  }
}

/** The number of messages to the visitor after the one with this sequence number. */
function receivedSince(lastSeq: number, history: History): number {
  return history.messages.filter(({ seq, senderType }) => seq > lastSeq && senderType !== "customer").length;
}
