// Signs in a new tab with the token of another tab. The token passes from tab to tab and is in no persistent storage.

const CHANNEL = "hummdesk.tabs";
// Held by each tab that is signed in with a token, so that a new tab knows how many can answer.
const LOCK = "hummdesk.signed-in";
const TIMEOUT_MS = 1000;

interface Request {
  request: string;
}

interface Offer {
  answers: string;
  token: string;
  // When the user last used the tab: the latest is the one that has opened the new tab.
  usedAt: number;
}

// Answer new tabs with the token of this one. Returns a function that stops it.
export function offerToken(token: string): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  let usedAt = Date.now();
  const onUse = () => {
    usedAt = Date.now();
  };
  channel.onmessage = ({ data }: MessageEvent<Request | Offer>) => {
    if ("request" in data) channel.postMessage({ answers: data.request, token, usedAt } satisfies Offer);
  };
  for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, onUse, true);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  void navigator.locks?.request(LOCK, { mode: "shared" }, () => held);
  return () => {
    release();
    channel.close();
    for (const event of ["pointerdown", "keydown"]) window.removeEventListener(event, onUse, true);
  };
}

// The token of the signed-in tab that was used last; null if no tab has one.
export async function requestToken(): Promise<string | null> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const count = held.filter(({ name }) => name === LOCK).length;
  return count > 0 ? latestOffer(count) : null;
}

function latestOffer(count: number): Promise<string | null> {
  const channel = new BroadcastChannel(CHANNEL);
  const request = crypto.randomUUID();
  const offers: Offer[] = [];
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      channel.close();
      resolve(offers.sort((a, b) => b.usedAt - a.usedAt)[0]?.token ?? null);
    };
    const timer = setTimeout(finish, TIMEOUT_MS);
    channel.onmessage = ({ data }: MessageEvent<Request | Offer>) => {
      if (!("answers" in data) || data.answers !== request) return;
      offers.push(data);
      if (offers.length === count) finish();
    };
    channel.postMessage({ request } satisfies Request);
  });
}
