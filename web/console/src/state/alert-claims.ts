// One alert a message, however many tabs: the first tab that claims it alerts, or does not because its user sees it.

export interface ClaimStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

const KEY = "hummdesk.alerted";
const LOCK = "hummdesk.alerted";
const MOST = 100;

type Exclusive = <T>(name: string, action: () => T) => Promise<T>;

// Run an action while no other tab does.
export const exclusive: Exclusive = async (name, action) => {
  const { locks } = navigator;
  return locks ? locks.request(name, async () => action()) : action(); // no locks on a page without TLS
};

// Whether this tab is the first to claim the alert. The id names the user, too: a browser can have several.
export function claim(id: string, storage: ClaimStorage, run: Exclusive = exclusive): Promise<boolean> {
  return run(LOCK, () => {
    const claimed = parsed(storage.getItem(KEY));
    if (claimed.includes(id)) return false;
    try {
      storage.setItem(KEY, JSON.stringify([...claimed, id].slice(-MOST)));
    } catch {
      // The quota is exhausted or storage is disabled: an alert in each tab is better than none.
    }
    return true;
  });
}

function parsed(stored: string | null): string[] {
  try {
    const found: unknown = JSON.parse(stored ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
