import type { Conversation, Message } from "@hummdesk/client";

interface Entry {
  conversation: Conversation;
  /** Messages to the visitor that the count of `conversation` does not include. */
  later: Set<number>;
  /** The last message that the visitor has seen here. */
  seen: number;
}

/** The visitor's conversations, newest activity first, each with what is unread. */
export class Conversations {
  /** Whether the server has more of them than are here. */
  cursor: string | undefined;
  private readonly entries = new Map<string, Entry>();

  get all(): Conversation[] {
    const found = [...this.entries.values()].map(({ conversation }) => conversation);
    return found.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
  }

  /** The number of unread messages of all conversations. */
  get unread(): number {
    return [...this.entries.keys()].reduce((sum, id) => sum + this.unreadIn(id), 0);
  }

  get(conversationId: string | undefined): Conversation | undefined {
    return conversationId === undefined ? undefined : this.entries.get(conversationId)?.conversation;
  }

  unreadIn(conversationId: string | undefined): number {
    const entry = conversationId === undefined ? undefined : this.entries.get(conversationId);
    return entry ? (entry.conversation.unreadCount ?? 0) + entry.later.size : 0;
  }

  /** Apply an answer of the server. What was seen here since is read, although the server may not know it yet. */
  load(conversation: Conversation): void {
    const { later = new Set<number>(), seen = 0 } = this.entries.get(conversation.conversationId) ?? {};
    const left = new Set([...later].filter((seq) => seq > conversation.lastSeq));
    const unreadCount = conversation.lastSeq <= seen ? 0 : (conversation.unreadCount ?? 0);
    this.entries.set(conversation.conversationId, {
      conversation: { ...conversation, unreadCount },
      later: left,
      seen,
    });
  }

  /** Apply a new message. */
  add(message: Message): void {
    const entry = this.entries.get(message.conversationId);
    if (!entry) return;
    const isNewer = message.seq > (entry.conversation.lastMessage?.seq ?? 0);
    if (isNewer) this.change(message.conversationId, { lastMessage: message, updatedAt: message.timestamp });
    const isCounted = message.seq <= entry.conversation.lastSeq || message.seq <= entry.seen;
    if (message.senderType !== "customer" && !isCounted) entry.later.add(message.seq);
  }

  change(conversationId: string, changes: Partial<Conversation>): void {
    const entry = this.entries.get(conversationId);
    if (entry) entry.conversation = { ...entry.conversation, ...changes };
  }

  /** The visitor has seen everything up to a message. */
  see(conversationId: string, seq: number): void {
    const entry = this.entries.get(conversationId);
    if (!entry) return;
    entry.seen = Math.max(entry.seen, seq);
    if (seq >= entry.conversation.lastSeq) entry.conversation = { ...entry.conversation, unreadCount: 0 };
    for (const one of entry.later) if (one <= seq) entry.later.delete(one);
  }
}
