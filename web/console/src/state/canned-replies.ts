// The canned replies of the account, loaded when an agent first needs them and again when they may have changed.

import type { CannedReply } from "@hummdesk/client/rest";
import { restOf } from "./rest";
import type { Credentials } from "./session";

const FRESH_MS = 60_000;

export class CannedReplies {
  all: readonly CannedReply[] = [];
  state: "loading" | "ready" | "failed" = "loading";
  private loadedAt = Number.NEGATIVE_INFINITY;
  private isLoading = false;

  constructor(
    private readonly credentials: Credentials,
    private readonly changed: () => void,
  ) {}

  // Load them unless they were loaded within the last minute.
  async refresh(): Promise<void> {
    if (this.isLoading || performance.now() - this.loadedAt < FRESH_MS) return;
    this.isLoading = true;
    if (this.state === "failed") this.state = "loading";
    try {
      this.all = await this.load();
      this.loadedAt = performance.now();
      this.state = "ready";
    } catch {
      if (this.state === "loading") this.state = "failed";
    }
    this.isLoading = false;
    this.changed();
  }

  private async load(): Promise<CannedReply[]> {
    const rest = await restOf(this.credentials);
    const found: CannedReply[] = [];
    for await (const reply of rest.allCannedReplies({ limit: 100 })) found.push(reply);
    return found.sort((a, b) => a.title.localeCompare(b.title));
  }
}
