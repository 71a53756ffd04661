// What is around the messages of an open conversation.

import { History, type Joined } from "@hummdesk/client";
import type { Classification, Draft, Viewer } from "./types";

export class Thread {
  history = new History();
  state: "loading" | "ready" | "failed" = "loading";
  isLoadingOlder = false;
  typing = new Map<string, { name: string; until: number }>();
  viewers: Viewer[] = [];
  classification: Classification | undefined;
  draft: Draft | undefined;
  isThinking = false;

  open(history: History, joined: Joined): void {
    this.history = history;
    this.look(joined);
    this.state = "ready";
  }

  look({ viewers, ai }: Pick<Joined, "viewers" | "ai">): void {
    this.viewers = viewers ?? [];
    this.classification = ai?.classification;
    this.draft = ai?.draft;
  }

  // What is found about messages comes in any order: the newest of them counts.
  classify(found: Classification): void {
    const known = this.classification;
    if (!known || this.seqOf(found.messageId) >= this.seqOf(known.messageId)) this.classification = found;
  }

  suggest(draft: Draft): void {
    if (!this.draft || draft.basedOnSeq >= this.draft.basedOnSeq) this.draft = draft;
  }

  private seqOf(messageId: string): number {
    return this.history.messages.find((one) => one.messageId === messageId)?.seq ?? 0;
  }

  // Somebody has written to the other side since the draft was made.
  get isDraftStale(): boolean {
    const { draft } = this;
    return draft !== undefined && this.history.messages.some((one) => one.seq > draft.basedOnSeq && !one.private);
  }

  get isAnswered(): boolean {
    const { draft } = this;
    return (
      draft !== undefined &&
      this.history.messages.some((one) => one.seq > draft.basedOnSeq && one.senderType === "agent" && !one.private)
    );
  }
}
