// Who signs in, and the token by which: kept for this tab alone, never in an address or in storage that lasts.

const KEY = "hummdesk.token";
const READY = "hummdesk:ready";
const TOKEN = "hummdesk:token";

export interface DemoAccount {
  name: string;
  people: { userId: string; name: string; email: string; role: string }[];
}

export function keptToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

// Empty where this is no demo.
export async function demoPeople(): Promise<DemoAccount[]> {
  const answer = await fetch("/demo/people").catch(() => null);
  if (!answer?.ok) return [];
  return ((await answer.json()) as { accounts: DemoAccount[] }).accounts;
}

export async function signInAs(userId: string): Promise<string> {
  const answer = await fetch("/demo/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ userId }),
  });
  if (!answer.ok) throw new Error("The desk did not sign you in");
  return ((await answer.json()) as { token: string }).token;
}

// A page of the operator's own, of an origin that the desk accepts, opened this one and hands its token over.
export async function listenToOpener(accept: (token: string) => void): Promise<() => void> {
  const opener = window.opener as Window | null;
  if (!opener) return () => {};
  const origins = await acceptedOrigins();
  const hear = (event: MessageEvent) => {
    const said = event.data as { type?: unknown; token?: unknown } | null;
    if (event.source !== opener || !origins.includes(event.origin)) return;
    if (said?.type === TOKEN && typeof said.token === "string") accept(said.token);
  };
  window.addEventListener("message", hear);
  for (const origin of origins) opener.postMessage({ type: READY }, origin);
  return () => window.removeEventListener("message", hear);
}

async function acceptedOrigins(): Promise<string[]> {
  const answer = await fetch("/console/origins").catch(() => null);
  return answer?.ok ? ((await answer.json()) as { origins: string[] }).origins : [];
}

// The id that a token claims, to keep each person's letters apart; the desk alone decides who somebody is.
export function claimed(token: string): string {
  try {
    const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return String((JSON.parse(atob(part)) as { userId?: unknown }).userId);
  } catch {
    return "nobody";
  }
}
