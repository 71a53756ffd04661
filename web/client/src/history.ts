import type { Joined, Message, ReadUpTo } from "./contract.js";

/** The messages of one conversation that are known: each once, in the order of `seq`. */
export class History {
  messages: Message[] = [];
  /** There are older ones. */
  hasMore = false;
  private readonly marks = new Map<string, ReadUpTo>();

  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  get firstSeq(): number {
    return this.messages[0]?.seq ?? 0;
  }

  /** What joining has answered: it goes on from what is known, or begins anew. */
  open(joined: Joined, afterSeq: number | undefined): void {
    if (afterSeq === undefined) {
      this.messages = this.messages.filter(({ seq }) => seq > joined.lastSeq); // heard since it was looked up
      this.hasMore = joined.hasMore;
    }
    this.add(joined.messages);
    for (const mark of joined.receipts) this.mark(mark);
  }

  /** They may come in any order; returns those that were not known. */
  add(more: readonly Message[]): Message[] {
    const known = new Set(this.messages.map(({ seq }) => seq));
    const fresh = more.filter(({ seq }) => !known.has(seq));
    if (fresh.length > 0) this.messages = [...this.messages, ...fresh].sort((a, b) => a.seq - b.seq);
    return fresh;
  }

  /** Somebody has read so far; no mark goes back. */
  mark(read: ReadUpTo): void {
    const known = this.marks.get(read.readBy);
    if (!known || known.seq < read.seq) this.marks.set(read.readBy, read);
  }

  /** The furthest that anybody of this side has read. */
  readBy(side: "agent" | "customer"): number {
    const those = [...this.marks.values()].filter(({ readByType }) => readByType === side);
    return Math.max(0, ...those.map(({ seq }) => seq));
  }
}
