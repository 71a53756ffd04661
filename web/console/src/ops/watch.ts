// Asks the desk for its figures while somebody looks, and keeps those of the last minutes.

import { Desk, type ErrorReport, type Operations, Refused, type State } from "@hummdesk/client";

const EVERY_MS = 2000;
const KEPT = 150;

export class Watch {
  state: State = "connecting";
  readonly kept: Operations[] = [];
  private readonly desk: Desk;
  private timer = 0;
  private isLooking = false;

  constructor(
    token: string,
    private readonly changed: () => void,
    private readonly refused: (problem: ErrorReport) => void,
  ) {
    this.desk = new Desk({ token: () => token });
    this.desk.on("state", (state) => {
      this.state = state;
      this.changed();
      void this.look();
    });
    this.desk.on("refused", (problem) => this.leave(problem));
    document.addEventListener("visibilitychange", this.look);
  }

  close(): void {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.look);
    this.desk.close();
  }

  private look = async (): Promise<void> => {
    clearTimeout(this.timer);
    const isAway = this.state === "offline" || this.state === "connecting";
    if (this.isLooking || isAway || document.visibilityState === "hidden") return;
    this.isLooking = true;
    try {
      this.kept.push(await this.desk.ask("get_operations"));
      if (this.kept.length > KEPT) this.kept.shift();
      this.changed();
    } catch (fault) {
      if (fault instanceof Refused && fault.error.code === "FORBIDDEN")
        return this.leave({ ...fault.error, message: "This page is for the admins of an account." });
    } finally {
      this.isLooking = false;
    }
    this.timer = window.setTimeout(this.look, EVERY_MS);
  };

  private leave(problem: ErrorReport): void {
    this.close();
    this.refused(problem);
  }
}
