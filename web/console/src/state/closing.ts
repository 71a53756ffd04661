// Closing a conversation: the next one of the list follows, and the change can be undone for some seconds.

import type { PendingMessage, SendMessage } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import type { Conversation } from "../types";
import { snooze } from "./moves";
import { advanceAfter } from "./moving";
import type { Store } from "./store";
import type { Undoable } from "./undo";

const UNDO_MS = 8000;

export class Closing {
  // Conversations that are closed once a message was sent, by the id of the message.
  private readonly waiting = new Map<string, string>();

  constructor(private readonly store: Store) {
    store.client.outbox.on("changed", (pending) => this.onOutbox(pending));
  }

  // Close a conversation. The next one follows, unless the user is still writing in this one.
  async close(id: string): Promise<void> {
    const { store } = this;
    const before = store.list.known.get(id);
    if (before?.status === "closed") return;
    const { customer } = before ?? {};
    const action: Undoable = {
      label: t("console.undo.closed", { customer: customer?.name ?? t("console.details.customer") }),
      ms: UNDO_MS,
      undo: () => {
        void this.restore(id, before);
        store.open(id);
      },
    };
    store.undo.offer(action);
    const close = async () => {
      if (!(await store.setStatus(id, "closed"))) store.undo.withdraw(action);
    };
    await (this.isWriting(id) ? close() : advanceAfter(store, close));
  }

  // A closed conversation cannot be snoozed: it is pending first.
  private async restore(id: string, before: Conversation | undefined): Promise<void> {
    const { store } = this;
    const isPending = before?.status === "pending";
    const isRestored = await store.setStatus(id, isPending ? "pending" : "open");
    const until = isPending && before.snoozedUntil ? new Date(before.snoozedUntil) : null;
    if (isRestored && until && until.getTime() > Date.now()) await snooze(store, id, until);
  }

  // The next conversation would take the focus from the field: further keys would be shortcuts.
  private isWriting(id: string): boolean {
    return document.activeElement?.id === "composer" && this.store.compositionOf(id).text !== "";
  }

  // Close the conversation as soon as the message is stored. A refused message leaves it open.
  sendAndClose(message: SendMessage): void {
    const { clientMessageId } = this.store.client.outbox.write(message);
    this.waiting.set(clientMessageId, message.conversationId);
    this.onOutbox(this.store.client.outbox.pending);
  }

  private onOutbox(pending: readonly PendingMessage[]): void {
    for (const [messageId, id] of this.waiting) {
      const message = pending.find((one) => one.clientMessageId === messageId);
      if (message && !message.refusal) continue;
      this.waiting.delete(messageId);
      if (!message) void this.close(id);
      else this.store.showToast(t("console.undo.notSent"));
    }
  }
}
