// How dense the rows of the list are, for this agent in this browser.

export type Density = "compact" | "comfortable";

const KEY = "hummdesk.density.";

export class RowDensity {
  current: Density;

  constructor(
    private readonly storage: Storage,
    private readonly userId: string,
    private readonly changed: () => void,
  ) {
    this.current = storage.getItem(KEY + userId) === "comfortable" ? "comfortable" : "compact";
  }

  choose(density: Density): void {
    this.current = density;
    this.storage.setItem(KEY + this.userId, density);
    this.changed();
  }
}
