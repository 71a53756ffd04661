// The last action that can be undone for some seconds. One at a time: a newer one makes the older one final.

export interface Undoable {
  label: string;
  ms: number;
  undo: () => void;
  // Called once when the action can no longer be undone.
  finish?: () => void;
}

export class Undo {
  current: Undoable | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  offer(action: Undoable): void {
    this.finish();
    this.current = action;
    this.timer = setTimeout(() => this.finish(), action.ms);
    this.changed();
  }

  undo(): void {
    this.take()?.undo();
  }

  // Make the action final now: its time is over, it was dismissed, or the page closes.
  finish(): void {
    this.take()?.finish?.();
  }

  // Do not offer to undo an action that has failed.
  withdraw(action: Undoable): void {
    if (this.current === action) this.take();
  }

  private take(): Undoable | null {
    const { current } = this;
    clearTimeout(this.timer);
    this.current = null;
    if (current) this.changed();
    return current;
  }
}
