// What the inbox shows beside its conversations: the labels of the account, and counts.

import type { CountsChanged, DeskClient, LabelChanged } from "@hummdesk/client";

import type { View } from "./conversation-list";

export type Label = LabelChanged;

export class Inbox {
  labels = new Map<string, Label>();
  counts: CountsChanged | null = null;
  // For so long after sending, agents change their own messages.
  messageChangeSeconds = 0;

  constructor(
    private readonly client: DeskClient,
    private readonly changed: () => void,
  ) {
    client.socket.on("counts_changed", (counts) => {
      this.counts = counts;
    });
    client.socket.on("label_changed", (label) => this.labels.set(label.labelId, label));
  }

  async load(): Promise<void> {
    const { labels, counts, messageChangeSeconds } = await this.client.request("get_inbox");
    this.messageChangeSeconds = messageChangeSeconds;
    this.counts = counts;
    this.labels = new Map(labels.map((label) => [label.labelId, label]));
    this.changed();
  }

  // The open conversations of a view, or of those that wait for a team; undefined if it is not counted.
  countOf(view: View, teamId = ""): number | undefined {
    if (!this.counts || view === "all") return undefined;
    if (!teamId) return this.counts[view];
    return this.counts.queues.find((queue) => queue.teamId === teamId)?.count ?? 0;
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
