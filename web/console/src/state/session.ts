// Sign-in and its token, which is stored for this tab only, never in a URL or in persistent storage.

import type { PersonIdentity } from "@hummdesk/client";
import { t } from "@hummdesk/texts";

const TOKEN_KEY = "hummdesk.token";
const READY_MESSAGE = "hummdesk:ready";
const TOKEN_MESSAGE = "hummdesk:token";

export interface DemoAccount {
  name: string;
  people: { userId: string; name: string; email: string; role: PersonIdentity["role"] }[];
}

export function storedToken(): string | null {
  return sessionStorage.getItem(TOKEN_KEY);
}

export function storeToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
}

// The demo users by account; none if the server is not in demo mode.
export async function fetchDemoAccounts(): Promise<DemoAccount[]> {
  const response = await fetch("/demo/people").catch(() => null);
  if (!response?.ok) return [];
  return ((await response.json()) as { accounts: DemoAccount[] }).accounts;
}

export async function signInAs(userId: string): Promise<string> {
  const response = await fetch("/demo/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ userId }),
  });
  if (!response.ok) throw new Error(t("common.signIn.failed"));
  return ((await response.json()) as { token: string }).token;
}

// Accept a token from the page that opened this one, if its origin is configured on the server.
export async function listenToOpener(accept: (token: string) => void): Promise<() => void> {
  const opener = window.opener as Window | null;
  if (!opener) return () => {};
  const origins = await fetchOrigins();
  const onMessage = ({ data, source, origin }: MessageEvent<{ type?: unknown; token?: unknown } | null>) => {
    if (source !== opener || !origins.includes(origin)) return;
    if (data?.type === TOKEN_MESSAGE && typeof data.token === "string") accept(data.token);
  };
  window.addEventListener("message", onMessage);
  for (const origin of origins) opener.postMessage({ type: READY_MESSAGE }, origin);
  return () => window.removeEventListener("message", onMessage);
}

async function fetchOrigins(): Promise<string[]> {
  const response = await fetch("/console/origins").catch(() => null);
  return response?.ok ? ((await response.json()) as { origins: string[] }).origins : [];
}

// The user id in the token, unverified: it only separates the stored messages of several users of one tab.
export function claimedUserId(token: string): string {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return String((JSON.parse(atob(claims)) as { userId?: unknown }).userId);
  } catch {
    return "nobody";
  }
}
