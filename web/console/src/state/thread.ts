// State of one open conversation: messages, viewers, typing and AI results.

import { History, type Joined, type MessageUpdate } from "@hummdesk/client";
import { GENERAL } from "../categories";
import type { Classification, Draft, Message, Viewer } from "../types";
import { Drafting } from "./drafting";
import { Reading } from "./reading";

export class Thread {
  history = new History();
  state: "loading" | "ready" | "failed" = "loading";
  isLoadingOlder = false;
  typing = new Map<string, { name: string; until: number }>();
  viewers: Viewer[] = [];
  classification: Classification | undefined;
  draft: Draft | undefined;
  isAiRunning = false;
  readOnView: Joined["readOnView"];
  readonly ai = new Drafting();
  readonly reading = new Reading();

  // `unread`: how many messages of the customer were unread before the join.
  open(history: History, joined: Joined, unread: number): void {
    this.history = history;
    this.refresh(joined);
    this.reading.open(history, Math.max(unread, joined.conversation.unreadCount ?? 0));
    this.state = "ready";
  }

  refresh({ viewers, ai, readOnView }: Pick<Joined, "viewers" | "ai" | "readOnView">): void {
    this.readOnView = readOnView;
    this.viewers = viewers ?? [];
    this.classification = ai?.classification;
    this.draft = ai?.draft;
    this.ai.refresh(ai);
  }

  // Classifications arrive in any order; the one of the newest message that says what the conversation is about is kept.
  classify(classification: Classification): void {
    const current = this.classification;
    const isNewer = !current || this.seqOf(classification.messageId) >= this.seqOf(current.messageId);
    if (!current || isEmpty(current) === isEmpty(classification)) {
      if (isNewer) this.classification = classification;
    } else if (isEmpty(current)) this.classification = classification;
  }

  suggest(draft: Draft): void {
    if (!this.draft || draft.basedOnSeq >= this.draft.basedOnSeq) this.draft = draft;
  }

  // Drop the AI results about an erased message; of a withdrawn one also those that may quote it.
  forget({ messageId, seq, withdrawn }: MessageUpdate): void {
    if (this.classification?.messageId === messageId) this.classification = undefined;
    if (withdrawn && (this.draft?.basedOnSeq ?? 0) >= seq) this.draft = undefined;
    if (withdrawn && this.seqOf(this.ai.summary?.messageId ?? "") >= seq) this.ai.summary = undefined;
    if (this.draft?.messageId === messageId) this.draft = undefined;
    if (this.ai.summary?.messageId === messageId) this.ai.summary = undefined;
  }

  private seqOf(messageId: string): number {
    return this.history.messages.find((one) => one.messageId === messageId)?.seq ?? 0;
  }

  private get lastPublic(): Message | undefined {
    return this.history.messages.findLast((one) => !one.private);
  }

  get lastPublicSeq(): number {
    return this.lastPublic?.seq ?? 0;
  }

  // Whether the customer waits for an answer.
  get isWaiting(): boolean {
    return this.lastPublic?.senderType === "customer";
  }

  // Whether a public message is newer than the draft.
  get isDraftStale(): boolean {
    return this.isAfterDraft(() => true);
  }

  // Whether an agent has replied since the draft was made.
  get isAnswered(): boolean {
    return this.isAfterDraft((senderType) => senderType === "agent");
  }

  private isAfterDraft(matches: (senderType: string) => boolean): boolean {
    const { draft, history } = this;
    return (
      draft !== undefined &&
      history.messages.some((one) => one.seq > draft.basedOnSeq && !one.private && matches(one.senderType))
    );
  }
}

// Whether it says nothing about the conversation, as that of a "thanks".
function isEmpty({ classification: { category, unknown } }: Classification): boolean {
  return category === GENERAL || unknown === true;
}
