// What the user has seen of an open conversation: where it opens, and what arrived since.

import { type History, plain } from "@hummdesk/client";
import type { Message } from "../types";

export class Reading {
  // The first message that was unread when the conversation was opened; 0 without one.
  firstUnreadSeq = 0;
  // The message that the user searched for; 0 without one.
  hitSeq = 0;
  // Whether the view is to move to that message.
  isJumping = false;
  // Whether the user is at the end of the messages.
  isAtEnd = true;
  private seenSeq = 0;

  open(history: History, unread: number): void {
    this.firstUnreadSeq = firstUnreadSeq(history.messages, unread);
    this.seenSeq = history.lastSeq;
  }

  reachEnd(history: History): void {
    this.isAtEnd = true;
    this.seenSeq = history.lastSeq;
  }

  // The messages of others that arrived while the user was not at the end.
  arrivals(history: History, userId: string | undefined): Message[] {
    if (this.isAtEnd) return [];
    const { messages } = history;
    return messages
      .slice(messages.findLastIndex(({ seq }) => seq <= this.seenSeq) + 1)
      .filter(({ senderId }) => senderId !== userId);
  }
}

// The first of the last `unread` messages of the customer; 0 if it is not loaded.
export function firstUnreadSeq(messages: readonly Message[], unread: number): number {
  const received = messages.filter(({ senderType }) => senderType === "customer");
  return (unread > 0 && received.at(-unread)?.seq) || 0;
}

// The newest message with all words of a search; 0 without one.
export function hitSeq(messages: readonly Message[], search: string): number {
  const words = search
    .replace(/(^|\s)\p{L}+:(?!\/\/)("[^"]*"?|\S+)/gu, "") // filters such as from:ada
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  if (words.length === 0) return 0;
  const isHit = (message: Message) => {
    const text = plain(message).toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return messages.findLast(isHit)?.seq ?? 0;
}
