// Sign-in: with a session of the browser, whose cookie scripts cannot read, or with a token that is stored for this tab
// only, which passes it to new tabs. No token is in a URL or in persistent storage.

import { type ErrorReport, type PersonIdentity, RequestError } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { offerToken, requestToken } from "./tabs";

const TOKEN_KEY = "hummdesk.token";
// Set in a tab whose user has signed out: it does not sign in with the token of another tab.
const SIGNED_OUT_KEY = "hummdesk.signed-out";
export const SIGN_IN_PATH = "/sign-in";
const READY_MESSAGE = "hummdesk:ready";
const TOKEN_MESSAGE = "hummdesk:token";

export interface DemoAccount {
  name: string;
  people: { userId: string; name: string; email: string; role: PersonIdentity["role"] }[];
}

// What the user of this tab is signed in with.
export interface Credentials {
  readonly userId: string;
  // A valid token.
  token: () => Promise<string>;
  // Sign out: at the server, if `isWanted` by the user, and not the server's decision.
  end(isWanted: boolean): void;
}

// A token of another application or of the demo: it ends when it expires.
export function useToken(token: string): Credentials {
  sessionStorage.setItem(TOKEN_KEY, token);
  sessionStorage.removeItem(SIGNED_OUT_KEY);
  const stopOffering = offerToken(token);
  return {
    userId: claimedUserId(token),
    token: async () => token,
    end: (isWanted) => {
      stopOffering();
      sessionStorage.removeItem(TOKEN_KEY);
      if (isWanted) sessionStorage.setItem(SIGNED_OUT_KEY, "1");
    },
  };
}

// The credentials with which this tab continues; null if its user must sign in.
export async function findCredentials(): Promise<Credentials | null> {
  const stored = sessionStorage.getItem(TOKEN_KEY);
  if (stored) return useToken(stored);
  if (window.opener && (await fetchOrigins()).length > 0) return null; // it passes a token
  const issued = await issue();
  if (issued) return new SessionCredentials(issued);
  const isWanted = !sessionStorage.getItem(SIGNED_OUT_KEY) && !location.pathname.startsWith(SIGN_IN_PATH);
  const token = isWanted ? await requestToken() : null;
  return token === null ? null : useToken(token);
}

// Sign in with the one-time secret of a link.
export async function signInByLink(secret: string): Promise<void> {
  sessionStorage.removeItem(TOKEN_KEY);
  await post("/session", { secret });
}

// Leave for the identity provider of a company, which sends the browser back.
export async function signInAtCompany(account: string): Promise<void> {
  const found = await post<{ url: string } | null>("/session/oidc", { account });
  if (!found) throw refused("NOT_FOUND", t("common.signIn.unknownCompany"));
  location.assign(found.url);
}

interface Issued {
  token: string;
  expiresIn: number;
}

// The session of this browser, which is shared by its tabs: its tokens are renewed after half of their life.
class SessionCredentials implements Credentials {
  readonly userId: string;
  private renewAt = 0;
  private renewal: Promise<string> | null = null;

  constructor(private issued: Issued) {
    this.userId = claimedUserId(issued.token);
    this.keep(issued);
  }

  token = async (): Promise<string> => {
    if (Date.now() < this.renewAt) return this.issued.token;
    this.renewal ??= this.renew().finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  };

  end(isWanted: boolean): void {
    if (isWanted) void fetch("/session", { method: "DELETE", keepalive: true });
  }

  private async renew(): Promise<string> {
    const issued = await issue();
    if (!issued || claimedUserId(issued.token) !== this.userId) throw refused("UNAUTHORIZED", t("common.signIn.ended"));
    this.keep(issued);
    return issued.token;
  }

  private keep(issued: Issued): void {
    this.issued = issued;
    this.renewAt = Date.now() + issued.expiresIn * 500;
  }
}

function refused(code: ErrorReport["code"], message: string): RequestError {
  return new RequestError({ code, message, timestamp: "" });
}

// A token of the browser's session; null without a session.
async function issue(): Promise<Issued | null> {
  try {
    return await post<Issued | null>("/session/token", {});
  } catch (failure) {
    if (failure instanceof RequestError && failure.error.code === "UNAUTHORIZED") return null;
    throw failure;
  }
}

async function post<T>(path: string, body: object): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (response.status === 204 || response.status === 404) return null as T; // 404: this server has no sessions
  const answer = await response.json();
  if (!response.ok) throw new RequestError(answer as ErrorReport);
  return answer as T;
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

// The user id in the token. Unverified: it separates the stored messages and unsent texts of several users.
export function claimedUserId(token: string): string {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return String((JSON.parse(atob(claims)) as { userId?: unknown }).userId);
  } catch {
    return "nobody";
  }
}
