// What the inbox shows beside its conversations: the labels of the account, saved views, and counts.

import type { CountsChanged, DeskClient, LabelChanged, SavedViewChanged, ViewCount } from "@hummdesk/client";
import type { View as StoredView } from "@hummdesk/client/rest";

import type { BuiltIn } from "./conversation-list";

export type Label = LabelChanged;
export type SavedView = Omit<SavedViewChanged, "deleted">;

export class Inbox {
  labels = new Map<string, Label>();
  views = new Map<string, SavedView>();
  counts: CountsChanged | null = null;
  // For so long after sending, agents change their own messages.
  messageChangeSeconds = 0;
  // Resolved when the views are known.
  readonly ready: Promise<void>;
  private markReady = () => {};
  // Whether a label or a view has changed since they were requested: the response may be older.
  private isStale = false;
  // Called after a change of a saved view.
  onView: (viewId: string) => void = () => {};

  constructor(
    private readonly client: DeskClient,
    private readonly changed: () => void,
  ) {
    this.ready = new Promise((resolve) => {
      this.markReady = resolve;
    });
    client.socket.on("saved_view_changed", ({ deleted, ...view }) => {
      if (deleted) this.views.delete(view.viewId);
      else this.views.set(view.viewId, view);
      this.isStale = true;
      this.onView(view.viewId);
      this.changed();
    });
    client.socket.on("counts_changed", (counts) => {
      this.counts = counts;
    });
    client.socket.on("label_changed", (label) => {
      this.labels.set(label.labelId, label);
      this.isStale = true;
    });
  }

  async load(): Promise<void> {
    this.isStale = false;
    const { labels, views, counts, messageChangeSeconds } = await this.client.request("get_inbox");
    if (this.isStale) return this.load();
    this.messageChangeSeconds = messageChangeSeconds;
    this.counts = counts;
    this.views = new Map(views.map((view) => [view.viewId, view]));
    this.markReady();
    this.labels = new Map(labels.map((label) => [label.labelId, label]));
    this.changed();
  }

  // The conversations of a built-in view, or of those that wait for a team; undefined if it is not counted.
  countOf(view: BuiltIn, teamId = ""): number | undefined {
    if (!this.counts || view === "all") return undefined;
    if (!teamId) return this.counts[view];
    return this.counts.queues.find((queue) => queue.teamId === teamId)?.count ?? 0;
  }

  // The conversations of a saved view; undefined if it is not counted.
  viewCountOf(id: string): ViewCount | undefined {
    return this.counts?.views.find(({ viewId }) => viewId === id);
  }

  // A view that was just stored, whose event may not have arrived. Returns its id.
  add({ id, name, shared, filter }: StoredView): string {
    this.views.set(id, { viewId: id, name, shared, filter });
    return id;
  }

  // The shared ones first, each by name.
  get sortedViews(): SavedView[] {
    const order = (a: SavedView, b: SavedView) => Number(b.shared) - Number(a.shared) || a.name.localeCompare(b.name);
    return [...this.views.values()].sort(order);
  }

  // By name, without hidden ones.
  get activeLabels(): Label[] {
    return [...this.labels.values()].filter(({ active }) => active).sort((a, b) => a.name.localeCompare(b.name));
  }

  // The labels of a conversation that are shown.
  of(labelIds: string[] = []): Label[] {
    return labelIds.flatMap((id) => this.labels.get(id) ?? []).filter(({ active }) => active);
  }
}
