// The user's own conversations that the list has not loaded: the title of the tab counts their unread messages, too.

import type { DeskClient } from "@hummdesk/client";
import type { ConversationList } from "./conversation-list";

const PAGE_SIZE = 50;
const MOST_PAGES = 4;

export class OwnUnread {
  private readonly ids = new Set<string>();

  constructor(
    private readonly client: DeskClient,
    private readonly list: ConversationList,
  ) {
    const { socket } = client;
    socket.on("conversation_assigned", ({ conversationId, assignedTo }) => this.move(conversationId, assignedTo));
    socket.on("conversation_unassigned", ({ conversationId }) => this.move(conversationId, undefined));
    socket.on("conversation_updated", ({ conversationId, assignedTo }) => this.move(conversationId, assignedTo));
  }

  // The user's conversations with unread messages.
  get count(): number {
    const { known, unread, userId } = this.list;
    const loaded = [...known.values()].filter(({ assignedTo }) => assignedTo === userId);
    const others = [...this.ids].filter((id) => !known.has(id));
    const ids = [...loaded.map(({ conversationId }) => conversationId), ...others];
    return ids.filter((id) => unread.of(id) > 0).length;
  }

  // Load the open ones, unless the list has as many of them as the server counts.
  async load(counted: number): Promise<void> {
    this.ids.clear(); // some may have been moved while the client was offline
    await this.list.loaded();
    const { known, unread, userId } = this.list;
    const isOwn = ({ assignedTo, status }: { assignedTo?: string; status: string }) =>
      assignedTo === userId && status === "open";
    if ([...known.values()].filter(isOwn).length >= counted) return;
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES && (page === 0 || cursor); page++) {
      const query = { assignedTo: userId, status: "open" as const, limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) };
      const found = await this.client.request("list_conversations", query);
      for (const one of found.conversations) {
        unread.load(one);
        this.ids.add(one.conversationId);
      }
      cursor = found.nextCursor;
    }
  }

  private move(conversationId: string, assignedTo: string | undefined): void {
    if (assignedTo === this.list.userId) this.ids.add(conversationId);
    else this.ids.delete(conversationId);
  }
}
