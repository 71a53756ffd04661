// One open conversation: its messages by seq, and what is around them.

import type { Classification, Conversation, Draft, Message, Receipt, Viewer } from "./types";

export interface Opened {
  conversation: Conversation;
  messages: Message[];
  lastSeq: number;
  hasMore: boolean;
  receipts?: Receipt[];
  ai?: { classification?: Classification; draft?: Draft };
  viewers?: Viewer[];
}

export class Thread {
  messages: Message[] = [];
  hasMore = false;
  state: "loading" | "ready" | "failed" = "loading";
  isLoadingOlder = false;
  receipts = new Map<string, Receipt>();
  typing = new Map<string, { name: string; until: number }>();
  viewers: Viewer[] = [];
  classification: Classification | undefined;
  draft: Draft | undefined;
  isThinking = false;

  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  // What is shown joins on to it, or begins anew.
  open(opened: Opened): void {
    const first = opened.messages[0];
    if (!first || first.seq > this.lastSeq + 1) {
      this.messages = [];
      this.hasMore = opened.hasMore;
    }
    this.add(opened.messages);
    this.receipts = new Map((opened.receipts ?? []).map((receipt) => [receipt.readBy, receipt]));
    this.viewers = opened.viewers ?? [];
    this.classification = opened.ai?.classification;
    this.draft = opened.ai?.draft;
    this.state = "ready";
  }

  add(more: Message[]): void {
    const bySeq = new Map(this.messages.map((message) => [message.seq, message]));
    for (const message of more) bySeq.set(message.seq, message);
    this.messages = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
    for (const message of more) this.typing.delete(message.senderId);
  }

  heardOf(receipt: Receipt): void {
    const known = this.receipts.get(receipt.readBy);
    if (!known || known.seq < receipt.seq) this.receipts.set(receipt.readBy, receipt);
  }

  // The furthest that the customer has read.
  get readByCustomer(): number {
    const seqs = [...this.receipts.values()].filter((one) => one.readByType === "customer").map((one) => one.seq);
    return Math.max(0, ...seqs);
  }

  // Somebody has written to the other side since the draft was made.
  get isDraftStale(): boolean {
    const { draft } = this;
    return draft !== undefined && this.messages.some((one) => one.seq > draft.basedOnSeq && !one.private);
  }

  get isAnswered(): boolean {
    const { draft } = this;
    const answers = (one: Message) => one.senderType === "agent" && !one.private;
    return draft !== undefined && this.messages.some((one) => one.seq > draft.basedOnSeq && answers(one));
  }
}
