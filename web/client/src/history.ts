import type { Joined, Message, ReadUpTo } from "./contract.js";

/** The loaded messages of one conversation, without duplicates and ordered by `seq`. */
export class History {
  messages: Message[] = [];
  /** Whether the server has older messages than the first one here. */
  hasMore = false;
  private readonly readMarks = new Map<string, ReadUpTo>();

  /** The highest loaded sequence number; 0 if nothing is loaded. */
  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** The lowest loaded sequence number; 0 if nothing is loaded. */
  get firstSeq(): number {
    return this.messages[0]?.seq ?? 0;
  }

  /** Apply the response to a join. Without `afterSeq` the loaded messages are replaced, else continued. */
  open(joined: Joined, afterSeq: number | undefined): void {
    if (afterSeq === undefined) {
      this.messages = this.messages.filter(({ seq }) => seq > joined.lastSeq); // received while the join was in flight
      this.hasMore = joined.hasMore;
    }
    this.add(joined.messages);
    for (const mark of joined.receipts) this.mark(mark);
  }

  /** Add messages in any order. Returns those that were not loaded yet. */
  add(more: readonly Message[]): Message[] {
    const loaded = new Set(this.messages.map(({ seq }) => seq));
    const added = more.filter(({ seq }) => !loaded.has(seq));
    if (added.length > 0) this.messages = [...this.messages, ...added].sort((a, b) => a.seq - b.seq);
    return added;
  }

  /** Record that a participant has read up to a message. A mark never moves backwards. */
  mark(read: ReadUpTo): void {
    const known = this.readMarks.get(read.readBy);
    if (!known || known.seq < read.seq) this.readMarks.set(read.readBy, read);
  }

  /** The highest sequence number that any participant of this side has read; 0 if none. */
  readBy(side: "agent" | "customer"): number {
    const marks = [...this.readMarks.values()].filter(({ readByType }) => readByType === side);
    return Math.max(0, ...marks.map(({ seq }) => seq));
  }
}
