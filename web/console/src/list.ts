// The conversations: those that were loaded or heard of, and which of them the filters show.

import type { Desk as Connection, ListConversations } from "@hummdesk/client";
import type { Conversation, Message, Status } from "./types";

export type View = "mine" | "unassigned" | "all";

const PAGE = 40;

export class ConversationList {
  known = new Map<string, Conversation>();
  view: View = "all";
  status: Status = "open";
  search = "";
  state: "loading" | "ready" | "failed" = "loading";
  cursor: string | undefined;
  private found: Set<string> | null = null;
  private turn = 0;

  constructor(
    private readonly connection: Connection,
    private readonly me: string,
    private readonly changed: () => void,
  ) {}

  get shown(): Conversation[] {
    const those = [...this.known.values()].filter((one) => this.fits(one));
    return those.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
  }

  filter(change: Partial<Pick<ConversationList, "view" | "status" | "search">>): void {
    Object.assign(this, change);
    void this.load();
  }

  // The first page; what comes meanwhile with another filter is thrown away.
  async load(): Promise<void> {
    this.turn += 1;
    this.state = "loading";
    this.cursor = undefined;
    this.found = this.search ? new Set() : null;
    this.changed();
    await this.next();
  }

  async more(): Promise<void> {
    if (this.cursor && this.state === "ready") await this.next();
  }

  private async next(): Promise<void> {
    const { turn } = this;
    try {
      const page = await this.connection.ask("list_conversations", this.query());
      if (turn !== this.turn) return;
      for (const one of page.conversations) this.put(one);
      for (const one of page.conversations) this.found?.add(one.conversationId);
      this.cursor = page.nextCursor;
      this.state = "ready";
    } catch {
      if (turn !== this.turn) return;
      this.state = "failed";
    }
    this.changed();
  }

  private query(): ListConversations {
    const who = { mine: { assignedTo: this.me }, unassigned: { unassigned: true }, all: {} }[this.view];
    const search = this.search ? { search: this.search } : { status: this.status };
    return { ...who, ...search, limit: PAGE, ...(this.cursor ? { cursor: this.cursor } : {}) };
  }

  private fits(one: Conversation): boolean {
    if (this.found ? !this.found.has(one.conversationId) : one.status !== this.status) return false;
    if (this.view === "mine") return one.assignedTo === this.me;
    return this.view === "all" || !one.assignedTo;
  }

  put(conversation: Conversation): void {
    const known = this.known.get(conversation.conversationId);
    // What was asked for may be older than what has been heard.
    if (known && known.lastSeq > conversation.lastSeq) return;
    this.known.set(conversation.conversationId, conversation);
  }

  change(conversationId: string, change: Partial<Conversation>): void {
    const known = this.known.get(conversationId);
    if (known) this.known.set(conversationId, { ...known, ...change });
  }

  // Whether the conversation is known.
  heard(message: Message, isBeingRead: boolean): boolean {
    const known = this.known.get(message.conversationId);
    if (!known) return false;
    if (message.seq <= known.lastSeq) return true;
    const unread = message.senderType === "customer" && !isBeingRead ? known.unreadCount + 1 : known.unreadCount;
    this.change(message.conversationId, {
      lastMessage: message,
      lastSeq: message.seq,
      unreadCount: unread,
      updatedAt: later(message.timestamp, known.updatedAt),
      ...(message.senderType === "customer" ? { status: "open" as const } : {}),
    });
    return true;
  }
}

function later(a: string, b: string): string {
  return a.localeCompare(b) > 0 ? a : b;
}
