import { Desk, type History, type Letter, type Message, type State } from "@hummdesk/client";
import type { Identity, Visit } from "./visit.js";

const TYPING_MS = 6000;
const AGAIN_MS = 2000;

interface First {
  clientMessageId: string;
  content: string;
}

/** The visitor's conversation, its latest if there are several, and how it stands. */
export class Talk {
  state: State | "idle" = "idle";
  unread = 0;
  isOpen = false;
  problem: string | undefined;
  typist: string | undefined;
  /** What begins a conversation, until it has. */
  first: First | undefined;
  changed: () => void = () => undefined;
  onUnread: (count: number) => void = () => undefined;
  private desk: Desk | undefined;
  private conversationId: string | undefined;
  private typingEnds: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly address: string,
    private readonly visit: Visit,
  ) {
    if (visit.isKnown) this.connect();
  }

  get history(): History | undefined {
    return this.conversationId === undefined ? undefined : this.desk?.history(this.conversationId);
  }

  get letters(): Letter[] {
    return this.conversationId === undefined ? [] : (this.desk?.outbox.of(this.conversationId) ?? []);
  }

  open(): void {
    this.isOpen = true;
    this.connect();
    this.read();
    this.changed();
  }

  close(): void {
    this.isOpen = false;
    this.changed();
  }

  identify(identity: Identity): void {
    this.end();
    this.visit.forget();
    this.visit.identify(identity);
    this.connect();
  }

  logout(): void {
    this.end();
    this.visit.forget();
    this.close();
  }

  write(content: string): void {
    if (this.conversationId !== undefined) this.desk?.outbox.write({ conversationId: this.conversationId, content });
    else {
      this.first = {
        clientMessageId: crypto.randomUUID(),
        content: this.first ? `${this.first.content}\n${content}` : content,
      };
      this.visit.write("first", JSON.stringify(this.first));
      void this.begin();
    }
    this.changed();
  }

  again(letter: Letter): void {
    this.desk?.outbox.again(letter);
  }

  type(): void {
    if (this.conversationId !== undefined) this.desk?.type(this.conversationId);
  }

  async loadOlder(): Promise<void> {
    if (this.conversationId === undefined) return;
    await this.desk?.loadOlder(this.conversationId).catch(() => undefined);
    this.changed();
  }

  private connect(): void {
    if (this.desk) return;
    this.problem = undefined;
    const { address, visit } = this;
    const storage = {
      getItem: (key: string) => visit.read(key),
      setItem: (key: string, value: string) => visit.write(key, value),
    };
    const desk = new Desk({ url: address, token: visit.token, keeping: { storage, key: "letters" } });
    this.desk = desk;
    this.state = "connecting";
    desk.on("state", (state) => this.stand(desk, state));
    desk.on("refused", ({ message }) => {
      this.end();
      this.problem = message;
      this.changed();
    });
    desk.on("message", (message) => this.hear(message));
    desk.on("reloaded", () => this.changed());
    desk.on("read", () => this.changed());
    desk.on("typing", ({ userType, userName, isTyping }) =>
      this.see(userType === "agent" && isTyping ? userName : undefined),
    );
    desk.outbox.on("changed", () => this.changed());
  }

  private end(): void {
    this.desk?.close();
    this.desk = undefined;
    this.conversationId = undefined;
    this.first = undefined;
    this.state = "idle";
    this.count(0);
  }

  private stand(desk: Desk, state: State): void {
    if (desk !== this.desk) return;
    this.state = state;
    this.changed();
    if (state !== "offline" && this.conversationId === undefined) void this.find(desk);
  }

  private async find(desk: Desk): Promise<void> {
    try {
      const { conversations } = await desk.ask("list_conversations", { limit: 1 });
      const [latest] = conversations;
      if (latest) await this.enter(desk, latest.conversationId, latest.unreadCount);
      this.first = JSON.parse(this.visit.read("first") ?? "null") ?? undefined;
      await this.begin();
    } catch {
      // Not now: the next state finds it.
    }
  }

  private async begin(): Promise<void> {
    const { desk, first } = this;
    if (!desk || !first || this.state === "offline") return;
    try {
      const { conversation } = await desk.ask("start_conversation", first);
      this.visit.write("first", null);
      this.first = undefined;
      await this.enter(desk, conversation.conversationId, 0);
    } catch {
      setTimeout(() => void this.begin(), AGAIN_MS); // the same clientMessageId begins nothing twice
    }
  }

  private async enter(desk: Desk, conversationId: string, unread: number): Promise<void> {
    await desk.join(conversationId);
    this.conversationId = conversationId;
    this.count(unread);
    this.read();
    this.changed();
  }

  private hear(message: Message): void {
    if (message.conversationId !== this.conversationId) return;
    if (message.senderType !== "customer") {
      this.see(undefined);
      if (this.isOpen) this.read();
      else this.count(this.unread + 1);
    }
    this.changed();
  }

  private read(): void {
    const last = this.history?.messages.at(-1);
    if (!this.isOpen || !last || !this.desk) return;
    this.count(0);
    const { conversationId, messageId } = last;
    void this.desk.ask("message_read", { conversationId, messageId }).catch(() => undefined);
  }

  private see(typist: string | undefined): void {
    clearTimeout(this.typingEnds);
    this.typist = typist;
    if (typist !== undefined) this.typingEnds = setTimeout(() => this.see(undefined), TYPING_MS);
    this.changed();
  }

  private count(unread: number): void {
    if (unread === this.unread) return;
    this.unread = unread;
    this.onUnread(unread);
    this.changed();
  }
}
