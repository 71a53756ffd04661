// The loaded conversations, and which of them match the filters.

import { type DeskClient, type ListConversations, type MessageUpdate, UnreadCounts, updated } from "@hummdesk/client";
import type { Conversation, Message, Status } from "../types";
import type { Filters } from "./address";

export type View = "mine" | "unassigned" | "all";
// The newest message first, or the customer who waits longest.
export type Sort = "activity" | "waiting";

const PAGE_SIZE = 40;
const REORDER_MS = 1000;

export class ConversationList implements Filters {
  known = new Map<string, Conversation>();
  readonly unread = new UnreadCounts();
  view: View = "all";
  status: Status = "open";
  search = "";
  // The team whose queue is shown, if the view is that of unassigned conversations; "": all.
  teamId = "";
  sort: Sort = "activity";
  state: "loading" | "ready" | "failed" = "loading";
  cursor: string | undefined;
  // The signed-in user, once authenticated.
  userId = "";
  private matches: Set<string> | null = null;
  private generation = 0;
  private isStale = false;
  private waiting: (() => void)[] = [];
  // The conversations that only a search has found.
  private readonly found = new Set<string>();
  // The open conversation, which stays known.
  openId: string | null = null;

  constructor(
    private readonly client: DeskClient,
    private readonly changed: () => void,
    // Called after a change of the filters by the user.
    private readonly filtered: () => void = () => {},
  ) {}

  // The ids of those whose customers wait, in the server's order, as far as they are loaded.
  private waitingIds: string[] = [];
  private reorderTimer = 0;

  private get isByWaiting(): boolean {
    return this.sort === "waiting" && !this.search;
  }

  get shown(): Conversation[] {
    if (this.isByWaiting)
      return this.waitingIds.flatMap((id) => this.known.get(id) ?? []).filter((one) => this.isShown(one));
    const shown = [...this.known.values()].filter((one) => this.isShown(one));
    return shown.sort(this.order);
  }

  // The newest message first. An assignment or another change moves no conversation.
  order = (a: Conversation, b: Conversation): number => activeAt(b).localeCompare(activeAt(a));

  // Wait for the page that is being loaded.
  async loaded(): Promise<void> {
    while (this.state === "loading") await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  filter(change: Partial<Pick<ConversationList, "view" | "status" | "search" | "teamId" | "sort">>): void {
    Object.assign(this, change);
    this.filtered();
    void this.load();
  }

  // Take the filters of an address. Returns whether they are others than before.
  take(filters: Filters): boolean {
    const isOther = Object.entries(filters).some(([name, value]) => this[name as keyof Filters] !== value);
    Object.assign(this, filters);
    return isOther;
  }

  // Load the first page. Responses to requests with an earlier filter are ignored.
  async load(): Promise<void> {
    this.generation += 1;
    this.state = "loading";
    this.cursor = undefined;
    this.matches = this.search ? new Set() : null;
    if (!this.search) this.forgetFound();
    this.changed();
    await this.loadPage();
  }

  // Load the first page again, once for several calls.
  refresh(): void {
    if (this.isStale) return;
    this.isStale = true;
    queueMicrotask(() => {
      this.isStale = false;
      void this.load();
    });
  }

  async loadMore(): Promise<void> {
    if (this.cursor && this.state === "ready") await this.loadPage();
  }

  private async loadPage(): Promise<void> {
    const { generation } = this;
    try {
      const page = await this.client.request("list_conversations", this.query());
      if (generation !== this.generation) return;
      const ids = page.conversations.map(({ conversationId }) => conversationId);
      this.waitingIds = this.cursor ? [...this.waitingIds, ...ids] : ids;
      for (const one of page.conversations) this.receive(one);
      this.cursor = page.nextCursor;
      this.state = "ready";
    } catch {
      if (generation !== this.generation) return;
      this.state = "failed";
    }
    for (const resolve of this.waiting.splice(0)) resolve();
    this.changed();
  }

  // A message begins or ends a wait: ask for the order again, once for several messages.
  private reorder(): void {
    if (!this.isByWaiting || this.reorderTimer) return;
    this.reorderTimer = window.setTimeout(() => {
      this.reorderTimer = 0;
      if (this.isByWaiting) this.refresh();
    }, REORDER_MS);
  }

  private receive(one: Conversation): void {
    const { conversationId } = one;
    if (!this.matches) this.found.delete(conversationId);
    else if (!this.known.has(conversationId)) this.found.add(conversationId);
    this.matches?.add(conversationId);
    this.put(one);
  }

  // The list does not show what an earlier search has found.
  private forgetFound(): void {
    for (const id of this.found) if (id !== this.openId) this.known.delete(id);
    this.found.clear();
  }

  private query(): ListConversations {
    const queue = { unassigned: true, ...(this.teamId ? { teamId: this.teamId } : {}) };
    const assignment = { mine: { assignedTo: this.userId }, unassigned: queue, all: {} }[this.view];
    const search = this.search ? { search: this.search } : { status: this.status };
    const sort = this.isByWaiting ? { sort: this.sort } : {};
    return { ...assignment, ...search, ...sort, limit: PAGE_SIZE, ...(this.cursor ? { cursor: this.cursor } : {}) };
  }

  private isShown(one: Conversation): boolean {
    if (this.matches ? !this.matches.has(one.conversationId) : one.status !== this.status) return false;
    if (this.view === "mine") return one.assignedTo === this.userId;
    if (this.view === "all") return true;
    return !one.assignedTo && (!this.teamId || one.assignedTeam === this.teamId);
  }

  // Add or replace a conversation, unless the known one is newer: a response may be older than an event.
  put(conversation: Conversation): void {
    this.unread.load(conversation);
    const known = this.known.get(conversation.conversationId);
    if (known && (known.lastSeq > conversation.lastSeq || known.revision > conversation.revision)) return;
    this.known.set(conversation.conversationId, conversation);
  }

  // Apply a change of a stored message to the preview of its conversation.
  update(change: MessageUpdate): void {
    const { lastMessage, revision = 0 } = this.known.get(change.conversationId) ?? {};
    if (lastMessage?.seq !== change.seq || (lastMessage.revision ?? 0) >= change.revision) return;
    this.change(change.conversationId, {
      lastMessage: updated(lastMessage, change),
      revision: Math.max(revision, change.revision),
    });
  }

  change(conversationId: string, change: Partial<Conversation>): void {
    const known = this.known.get(conversationId);
    if (known) this.known.set(conversationId, { ...known, ...change });
  }

  // Update a conversation with a new message. Returns false if the conversation is not loaded.
  addMessage(message: Message): boolean {
    this.unread.add(message);
    this.reorder();
    const known = this.known.get(message.conversationId);
    if (!known) return false;
    if (message.seq <= known.lastSeq) return true;
    this.change(message.conversationId, {
      lastMessage: message,
      lastSeq: message.seq,
      updatedAt: later(message.timestamp, known.updatedAt),
      ...(message.senderType === "customer" ? { status: "open" as const } : {}),
    });
    return true;
  }
}

// When the last message was written.
export function activeAt({ lastMessage, createdAt }: Conversation): string {
  return lastMessage?.timestamp ?? createdAt;
}

function later(a: string, b: string): string {
  return a.localeCompare(b) > 0 ? a : b;
}
