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
