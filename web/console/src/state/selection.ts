// The conversations of the list that are selected, to change several at once.

import type { UpdateConversations } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import type { Conversation } from "../types";
import type { Store } from "./store";

export const MOST = 100;
const UNDO_MS = 8000;

export type BulkChange = Omit<UpdateConversations, "conversationIds">;

export class Selection {
  private readonly ids = new Set<string>();
  // Where a range with the Shift key begins.
  private anchor: string | null = null;

  constructor(private readonly store: Store) {}

  // Those that the list still shows.
  get selected(): Conversation[] {
    if (this.ids.size === 0) return [];
    return this.store.list.shown.filter(({ conversationId }) => this.ids.has(conversationId));
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  // Select or deselect one, or with `isRange` all from the one before to this one.
  toggle(id: string, isRange = false): void {
    this.forgetHidden();
    const isOn = !this.ids.has(id);
    const range = isRange ? this.rangeTo(id) : [id];
    for (const one of range) {
      if (!isOn) this.ids.delete(one);
      else if (this.ids.size < MOST) this.ids.add(one);
    }
    this.anchor = id;
    this.store.changed();
  }

  clear(): void {
    this.ids.clear();
    this.anchor = null;
    this.store.changed();
  }

  // What has left the list does not return as selected.
  private forgetHidden(): void {
    const selected = new Set(this.selected.map(({ conversationId }) => conversationId));
    for (const id of this.ids) if (!selected.has(id)) this.ids.delete(id);
  }

  private rangeTo(id: string): string[] {
    const shown = this.store.list.shown.map(({ conversationId }) => conversationId);
    const [from, to] = [shown.indexOf(this.anchor ?? id), shown.indexOf(id)].sort((a, b) => a - b) as [number, number];
    return from < 0 ? [id] : shown.slice(from, to + 1);
  }

  // Change the selected ones by one request. Those that the server has refused remain selected.
  async apply(change: BulkChange): Promise<void> {
    const { store } = this;
    const before = this.selected;
    const changed = await this.request(before, change);
    for (const { conversationId } of changed) this.ids.delete(conversationId);
    const closed = change.status === "closed" ? changed.filter(({ status }) => status !== "closed") : [];
    if (closed.length > 0)
      store.undo.offer({
        label: t("console.bulk.closed", { count: closed.length }),
        ms: UNDO_MS,
        undo: () => void this.restore(closed),
      });
    store.changed();
  }

  // As they were before they were closed, with one request for each status and snooze.
  private async restore(closed: Conversation[]): Promise<void> {
    const groups = new Map<string, Conversation[]>();
    for (const one of closed) {
      const { status, snoozedUntil = "" } = one;
      const kind = status === "pending" && isAhead(snoozedUntil) ? snoozedUntil : status;
      groups.set(kind, [...(groups.get(kind) ?? []), one]);
    }
    for (const [kind, some] of groups)
      await this.request(
        some,
        kind === "open" || kind === "pending" ? { status: kind } : { status: "pending", snoozedUntil: kind },
      );
  }

  // Returns those that were changed.
  private async request(some: Conversation[], change: BulkChange): Promise<Conversation[]> {
    if (some.length === 0) return [];
    const { store } = this;
    const done = new Set<string>();
    await store.attempt(async () => {
      const conversationIds = some.map(({ conversationId }) => conversationId);
      const { results } = await store.client.request("update_conversations", { conversationIds, ...change });
      for (const { conversationId, ok } of results) if (ok) done.add(conversationId);
      const refused = results.length - done.size;
      const error = results.find(({ ok }) => !ok)?.error?.message ?? "";
      if (refused > 0) store.showToast(t("console.bulk.refused", { count: refused, error }));
    });
    for (const id of done) store.list.change(id, shownAfter(change));
    return some.filter(({ conversationId }) => done.has(conversationId));
  }
}

function isAhead(time: string): boolean {
  return Date.parse(time) > Date.now();
}

// What is known at once; labels follow with the events.
function shownAfter({ status, snoozedUntil, assignedTo }: BulkChange): Partial<Conversation> {
  return {
    ...(status ? { status } : {}),
    ...(snoozedUntil !== undefined ? { status: "pending" as const } : {}),
    ...(assignedTo ? { assignedTo } : {}),
  };
}
