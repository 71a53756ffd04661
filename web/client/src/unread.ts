import type { Conversation, Message, UnreadChanged } from "./contract.js";

/**
 * The unread counts of the signed-in agent, by conversation.
 *
 * Answers carry the count up to their `lastSeq`, `unread_changed` a new one, and each later message of the customer adds
 * one. They may arrive in any order.
 */
export class UnreadCounts {
  private readonly counts = new Map<string, { count: number; upTo: number; later: Set<number> }>();

  /** The count of a conversation; 0 if none is known. */
  of(conversationId: string): number {
    const known = this.counts.get(conversationId);
    return known ? known.count + known.later.size : 0;
  }

  /** Forget all counts. */
  clear(): void {
    this.counts.clear();
  }

  /** Apply a conversation of an answer. Those of events carry no count. */
  load({
    conversationId,
    unreadCount,
    lastSeq,
  }: Pick<Conversation, "conversationId" | "unreadCount" | "lastSeq">): void {
    if (unreadCount !== undefined) this.change({ conversationId, unreadCount, lastSeq });
  }

  /** Apply `unread_changed`, unless the known count is of later messages. */
  change({ conversationId, unreadCount, lastSeq }: Omit<UnreadChanged, "timestamp">): void {
    const known = this.counts.get(conversationId);
    if (known && known.upTo > lastSeq) return;
    const later = [...(known?.later ?? [])].filter((seq) => seq > lastSeq);
    this.counts.set(conversationId, { count: unreadCount, upTo: lastSeq, later: new Set(later) });
  }

  /** Apply `new_message`. */
  add({ conversationId, senderType, seq }: Pick<Message, "conversationId" | "senderType" | "seq">): void {
    const known = this.counts.get(conversationId) ?? { count: 0, upTo: 0, later: new Set() };
    if (senderType !== "customer" || seq <= known.upTo) return;
    known.later.add(seq);
    this.counts.set(conversationId, known);
  }
}
