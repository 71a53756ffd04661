// Closing a conversation: the next one of the list follows, and the change can be undone for some seconds.

import type { PendingMessage, SendMessage } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
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

  async close(id: string): Promise<void> {
    const { store } = this;
    const { status: previous, customer } = store.list.known.get(id) ?? {};
    const action: Undoable = {
      label: t("console.undo.closed", { customer: customer?.name ?? t("console.details.customer") }),
      ms: UNDO_MS,
      undo: () => {
        void store.setStatus(id, previous === "pending" ? "pending" : "open");
        store.open(id);
      },
    };
    store.undo.offer(action);
    await advanceAfter(store, async () => {
      if (!(await store.setStatus(id, "closed"))) store.undo.withdraw(action);
    });
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
