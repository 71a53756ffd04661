// The loaded conversations, and which of them match the filters.

import {
  type DeskClient,
  type ListConversations,
  type MessageUpdate,
  RequestError,
  type StatusChange,
  UnreadCounts,
  updated,
} from "@hummdesk/client";
import type { Conversation, Message, Status } from "../types";
import type { Filters } from "./address";
import { type Criteria, isByWaiting, isDecidedByServer, isMatch, requestOf } from "./criteria";

const BUILT_IN = ["mine", "unassigned", "all"] as const;
export type BuiltIn = (typeof BUILT_IN)[number];
// One of these, or the id of a saved view.
export type View = string;

export function isBuiltIn(view: View): view is BuiltIn {
  return (BUILT_IN as readonly string[]).includes(view);
}

// The saved views, once they are known.
export interface SavedViews {
  ready: Promise<void>;
  views: Map<string, { filter: Criteria }>;
}

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
  // What is wrong with the search, if that is why it has failed.
  problem: string | undefined;
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
    private readonly saved: SavedViews,
    // Called after a change of the filters by the user.
    private readonly filtered: () => void = () => {},
  ) {}

  // The ids of those whose customers wait, in the server's order, as far as they are loaded.
  private waitingIds: string[] = [];
  private reorderTimer = 0;

  // What the list shows: the filters that the user has chosen, or those of a saved view. A search is in all statuses.
  get criteria(): Criteria {
    const { sort, status, ...criteria } = this.saved.views.get(this.view)?.filter ?? this.chosen;
    if (this.search) return { ...criteria, search: this.search };
    return { ...criteria, ...(status ? { status } : {}), ...(sort ? { sort } : {}) };
  }

  private get chosen(): Criteria {
    const { view, status, teamId, sort } = this;
    const queue = { unassigned: true, ...(teamId ? { teamId } : {}) };
    const assignment = { mine: { mine: true }, unassigned: queue, all: {} }[isBuiltIn(view) ? view : "all"];
    return { status, ...assignment, ...(sort === "waiting" ? { sort } : {}) };
  }

  get shown(): Conversation[] {
    const { criteria, userId, matches } = this;
    const isShown = (one: Conversation) =>
      (!matches || matches.has(one.conversationId)) && isMatch(one, criteria, userId);
    if (isByWaiting(criteria)) return this.waitingIds.flatMap((id) => this.known.get(id) ?? []).filter(isShown);
    return [...this.known.values()].filter(isShown).sort(this.order);
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

  // Show a view from its beginning.
  show(view: View): void {
    this.filter({ view, status: "open", teamId: "", sort: "activity" });
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
    this.matches = isDecidedByServer(this.criteria) ? new Set() : null;
    if (!this.matches) this.forgetFound();
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
    if (!isBuiltIn(this.view) && !this.saved.views.has(this.view)) {
      await this.saved.ready;
      if (generation !== this.generation) return;
      this.matches = isDecidedByServer(this.criteria) ? new Set() : null;
    }
    try {
      const page = await this.client.request("list_conversations", this.query());
      if (generation !== this.generation) return;
      const ids = page.conversations.map(({ conversationId }) => conversationId);
      this.waitingIds = this.cursor ? [...this.waitingIds, ...ids] : ids;
      for (const one of page.conversations) this.receive(one);
      this.cursor = page.nextCursor;
      this.state = "ready";
    } catch (failure) {
      if (generation !== this.generation) return;
      this.state = "failed";
      this.problem = problemOf(failure);
    }
    for (const resolve of this.waiting.splice(0)) resolve();
    this.changed();
  }

  // A message begins or ends a wait: ask for the order again, once for several messages.
  private reorder(): void {
    if (!isByWaiting(this.criteria) || this.reorderTimer) return;
    this.reorderTimer = window.setTimeout(() => {
      this.reorderTimer = 0;
      if (isByWaiting(this.criteria)) this.refresh();
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
    const { criteria, userId, cursor } = this;
    return { ...requestOf(criteria, userId), limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) };
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

  // A new status ends a snooze, and a merge if it reopens the conversation.
  changeStatus({ conversationId, newStatus: status, snoozedUntil }: StatusChange): void {
    const known = this.known.get(conversationId);
    if (!known) return;
    const { snoozedUntil: _, continuedIn, ...rest } = known;
    this.known.set(conversationId, {
      ...rest,
      status,
      ...(snoozedUntil ? { snoozedUntil } : {}),
      ...(continuedIn && status === "closed" ? { continuedIn } : {}),
    });
  }

  // Forget all conversations: the server may have lost what is known of them.
  clear(): void {
    this.known.clear();
    this.unread.clear();
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

// What the server says about the text of a search, in English.
function problemOf(failure: unknown): string | undefined {
  const { search } = (failure instanceof RequestError ? failure.error.details : undefined) ?? {};
  return Array.isArray(search) ? search.join(" ") : undefined;
}

// When the last message was written.
export function activeAt({ lastMessage, createdAt }: Conversation): string {
  return lastMessage?.timestamp ?? createdAt;
}

function later(a: string, b: string): string {
  return a.localeCompare(b) > 0 ? a : b;
}
