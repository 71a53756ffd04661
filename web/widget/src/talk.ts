import { Desk, type History, type Letter, type Message, type State } from "@hummdesk/client";
import type { Identity, Visit } from "./visit.js";

const TYPING_MS = 6000;
const AGAIN_MS = 2000;

/** What was written while there was no conversation: its first text begins one, the others follow. */
interface Beginning {
  clientMessageId: string;
  texts: string[];
  /** The desk may have begun it: asked again in the same words, it begins nothing twice. */
  isTried?: boolean;
}

/** The visitor's conversation, its latest if there are several, and how it stands. */
export class Talk {
  state: State | "idle" = "idle";
  unread = 0;
  isOpen = false;
  problem: string | undefined;
  typist: string | undefined;
  beginning: Beginning | undefined;
  changed: () => void = () => undefined;
  onUnread: (count: number) => void = () => undefined;
  private desk: Desk | undefined;
  private conversationId: string | undefined;
  /** The connection that is at it. */
  private settling: Desk | undefined;
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
      const { clientMessageId = crypto.randomUUID(), texts = [], ...more } = this.beginning ?? {};
      this.keep({ clientMessageId, texts: [...texts, content], ...more });
      if (this.desk) void this.settle(this.desk);
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
    this.beginning = undefined;
    this.state = "idle";
    this.count(0);
  }

  private stand(desk: Desk, state: State): void {
    if (desk !== this.desk) return;
    this.state = state;
    this.changed();
    void this.settle(desk);
  }

  /** Enter the visitor's conversation, its latest or the one that now begins; say what was written before. */
  private async settle(desk: Desk): Promise<void> {
    const isAway = this.state === "offline" || this.state === "connecting";
    if (isAway || this.history || this.settling === desk) return;
    this.settling = desk;
    try {
      const conversationId = this.conversationId ?? (await this.latest(desk)) ?? (await this.begin(desk));
      if (desk !== this.desk) return;
      this.conversationId = conversationId;
      this.sayAll();
      if (conversationId !== undefined) await desk.join(conversationId);
      this.read();
    } catch {
      setTimeout(() => desk === this.desk && void this.settle(desk), AGAIN_MS);
      return;
    } finally {
      if (this.settling === desk) this.settling = undefined;
      this.changed();
    }
    if (this.beginning) void this.settle(desk); // written while we looked
  }

  private async latest(desk: Desk): Promise<string | undefined> {
    this.beginning ??= this.kept();
    if (this.beginning?.isTried) return undefined;
    const [latest] = (await desk.ask("list_conversations", { limit: 1 })).conversations;
    if (latest && desk === this.desk) this.count(latest.unreadCount);
    return latest?.conversationId;
  }

  private async begin(desk: Desk): Promise<string | undefined> {
    const { beginning } = this;
    if (!beginning || desk !== this.desk) return undefined;
    this.keep({ ...beginning, isTried: true });
    const { clientMessageId, texts } = beginning;
    const { conversation } = await desk.ask("start_conversation", { clientMessageId, content: texts[0] ?? "" });
    if (desk === this.desk) this.keep({ ...beginning, texts: (this.beginning ?? beginning).texts.slice(1) });
    return conversation.conversationId;
  }

  private sayAll(): void {
    const { beginning, conversationId } = this;
    if (conversationId === undefined || !beginning) return;
    this.keep(undefined);
    for (const content of beginning.texts) this.desk?.outbox.write({ conversationId, content });
  }

  private keep(beginning: Beginning | undefined): void {
    this.beginning = beginning;
    this.visit.write("beginning", beginning ? JSON.stringify(beginning) : null);
  }

  private kept(): Beginning | undefined {
    const kept = JSON.parse(this.visit.read("beginning") ?? "null");
    return Array.isArray(kept?.texts) ? kept : undefined;
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
