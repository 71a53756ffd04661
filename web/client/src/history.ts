import type { Activity, Joined, Message, MessageUpdate, ReadUpTo } from "./contract.js";

/** The name that stands for the sender of an erased message. */
export const ERASED_NAME = "Erased";

/** The loaded messages of one conversation, without duplicates and ordered by `seq`, and the moves between them. */
export class History {
  messages: Message[] = [];
  /** The latest moves and changes of the conversation, oldest first; for customers, who has joined. */
  activity: Activity[] = [];
  /** Whether the server has older messages than the first one here. */
  hasMore = false;
  /** The last change to a stored message up to which all changes are known; undefined if the server named none. */
  revision: number | undefined;
  /** Nothing is loaded, until the conversation is joined again. */
  isCleared = false;
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
    this.isCleared = false;
    if (afterSeq === undefined) {
      this.messages = this.messages.filter(({ seq }) => seq > joined.lastSeq); // received while the join was in flight
      this.hasMore = joined.hasMore;
    }
    this.add(joined.messages);
    for (const change of joined.updates ?? []) this.update(change);
    this.reach(joined.conversation.revision);
    for (const mark of joined.receipts) this.mark(mark);
    this.follow(joined.activity ?? []);
  }

  /** Remove everything: the server may have lost what is loaded. */
  clear(): void {
    this.isCleared = true;
    this.messages = [];
    this.activity = [];
    this.hasMore = false;
    this.revision = undefined;
    this.readMarks.clear();
  }

  /** Add messages in any order. Returns those that were not loaded yet. */
  add(more: readonly Message[]): Message[] {
    const loaded = new Set(this.messages.map(({ seq }) => seq));
    const added = more.filter(({ seq }) => !loaded.has(seq));
    if (added.length > 0) this.messages = [...this.messages, ...added].sort((a, b) => a.seq - b.seq);
    return added;
  }

  /** Replace a loaded message by its change. Returns false if it is not loaded, or was changed again already. */
  update(change: MessageUpdate): boolean {
    const known = this.messages.find(({ seq }) => seq === change.seq);
    if (!known || (known.revision ?? 0) >= change.revision) return false;
    const changed = updated(known, change);
    this.messages = this.messages.map((message) => (message === known ? changed : message));
    return true;
  }

  /** Add moves, in any order. */
  follow(lines: readonly Activity[]): void {
    const known = new Set(this.activity.map(({ activityId }) => activityId));
    const added = lines.filter(({ activityId }) => !known.has(activityId));
    if (added.length === 0) return;
    this.activity = [...this.activity, ...added].sort((a, b) => a.timestamp.localeCompare(b.timestamp));
  }

  /**
   * The moves between message `n` and the one before it, or after the last message if there is no message `n`. Moves
   * before the first loaded message are those of the beginning, once there is no older message.
   */
  movesBefore(n: number): Activity[] {
    const next = this.messages[n]?.timestamp;
    const previous = this.messages[n - 1]?.timestamp ?? (this.hasMore ? next : undefined) ?? "";
    return this.activity.filter(({ timestamp }) => timestamp >= previous && (next === undefined || timestamp < next));
  }

  /** Record that all changes up to a revision are known. */
  reach(revision: number | undefined): void {
    if (revision !== undefined) this.revision = Math.max(this.revision ?? 0, revision);
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

/** A message after a change. Of an erased message no content, attachments or customer's name are left. */
export function updated(message: Message, change: MessageUpdate): Message {
  const { revision, content = message.content, contentType = message.contentType, erased, withdrawn } = change;
  if (!erased) return { ...message, revision, content, contentType };
  const senderName = message.senderType === "customer" ? ERASED_NAME : message.senderName;
  const { clientMessageId: _, ...rest } = message;
  const left = { content: "", contentType: "text" as const, attachments: [], metadata: {}, erased };
  return { ...rest, revision, senderName, ...left, ...(withdrawn ? { withdrawn } : {}) };
}
