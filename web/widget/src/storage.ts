const PERSONAL = ["pass", "owner", "letters", "beginning", "drafts", "current", "details"];

/**
 * What the widget stores in the browser, by name: permanently, or (`forTab`) for this tab until it is closed.
 *
 * Without storage, or once it is full, everything is lost with the page.
 */
export class WidgetStorage {
  /** Called when the data of a person have been deleted. */
  onForget: () => void = () => undefined;

  constructor(private readonly prefix: string) {}

  read(name: string): string | null {
    return attempt(() => localStorage.getItem(this.prefix + name)) ?? null;
  }

  write(name: string, value: string | null): void {
    attempt(() => put(localStorage, this.prefix + name, value));
  }

  readForTab(name: string): string | null {
    return attempt(() => sessionStorage.getItem(this.prefix + name)) ?? null;
  }

  writeForTab(name: string, value: string | null): void {
    attempt(() => put(sessionStorage, this.prefix + name, value));
  }

  /** A stored object; empty if there is none, or the page has written something else. */
  readObject<Value extends object>(name: string): Partial<Value> {
    const found: unknown = attempt(() => JSON.parse(this.read(name) ?? "{}"));
    return typeof found === "object" && found !== null ? found : {};
  }

  /** Delete what belongs to one person. What belongs to the browser remains: the look, and what was dismissed. */
  forgetPerson(): void {
    for (const name of PERSONAL) this.write(name, null);
    this.onForget();
  }
}

function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function put(storage: Storage, key: string, value: string | null): void {
  if (value === null) storage.removeItem(key);
  else storage.setItem(key, value);
}
