// Requests the operations figures while the page is visible, and keeps those of the last five minutes.

import { DeskClient, type ErrorReport, type Operations, RequestError, type State } from "@hummdesk/client";

const INTERVAL_MS = 2000;
const MOST_SAMPLES = 150;

export class OperationsPoller {
  state: State = "connecting";
  readonly samples: Operations[] = [];
  private readonly client: DeskClient;
  private timer = 0;
  private isRequesting = false;

  constructor(
    token: () => Promise<string>,
    private readonly onChange: () => void,
    private readonly onRefused: (error: ErrorReport) => void,
  ) {
    this.client = new DeskClient({ token });
    this.client.on("state", (state) => {
      this.state = state;
      this.onChange();
      void this.poll();
    });
    this.client.on("refused", (error) => this.refuse(error));
    document.addEventListener("visibilitychange", this.poll);
  }

  close(): void {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.poll);
    this.client.close();
  }

  private poll = async (): Promise<void> => {
    clearTimeout(this.timer);
    const isOffline = this.state === "offline" || this.state === "connecting";
    if (this.isRequesting || isOffline || document.visibilityState === "hidden") return;
    this.isRequesting = true;
    try {
      this.samples.push(await this.client.request("get_operations"));
      if (this.samples.length > MOST_SAMPLES) this.samples.shift();
      this.onChange();
    } catch (failure) {
      if (failure instanceof RequestError && failure.error.code === "FORBIDDEN") return this.refuse(failure.error);
    } finally {
      this.isRequesting = false;
    }
    this.timer = window.setTimeout(this.poll, INTERVAL_MS);
  };

  private refuse(error: ErrorReport): void {
    this.close();
    this.onRefused(error);
  }
}
