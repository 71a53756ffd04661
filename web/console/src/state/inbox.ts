// What the inbox shows beside its conversations: the labels of the account.

import type { DeskClient, LabelChanged } from "@hummdesk/client";

export type Label = LabelChanged;

export class Inbox {
  labels = new Map<string, Label>();

  constructor(
    private readonly client: DeskClient,
    private readonly changed: () => void,
  ) {
    client.socket.on("label_changed", (label) => this.labels.set(label.labelId, label));
  }

  async load(): Promise<void> {
    const { labels } = await this.client.request("get_inbox");
    this.labels = new Map(labels.map((label) => [label.labelId, label]));
    this.changed();
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
