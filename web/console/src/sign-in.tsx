// Sign-in: with a one-time link, at the identity provider of the user's company, with one click in the demo, or with a
// token of the operator's own application.

import { RequestError } from "@hummdesk/client";
import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { explain } from "./components/error-text";
import { Icon } from "./components/icon";
import { chooseLanguage } from "./state/language";
import {
  type Credentials,
  type DemoAccount,
  fetchDemoAccounts,
  findCredentials,
  listenToOpener,
  SIGN_IN_PATH as SIGN_IN,
  signInAs,
  signInAtCompany,
  signInByLink,
  useToken,
} from "./state/session";

const COMPANY_KEY = "hummdesk.company";

interface SignedInProps {
  children: (credentials: Credentials, signOut: (reason: string | null) => void) => ComponentChildren;
}

// What a page shows to a user who is signed in; the sign-in page to others.
export function SignedIn({ children }: SignedInProps) {
  const [credentials, setCredentials] = useState<Credentials | null | undefined>();
  const [reason, setReason] = useState<string | null>(null);

  const show = (found: Credentials | null, reason: string | null = null) => {
    if (found && location.pathname.startsWith(SIGN_IN)) history.replaceState(null, "", "/");
    setReason(reason);
    setCredentials(found);
  };
  useEffect(() => {
    void started.then(({ found, failure }) => show(found, failure === undefined ? null : reasonOf(failure)));
    // A link that is opened in a tab with the sign-in page changes only the fragment.
    window.addEventListener("hashchange", () => location.pathname === SIGN_IN && location.reload());
  }, []);

  if (credentials === undefined) return null;
  if (credentials === null) return <SignIn onToken={(token) => show(useToken(token))} reason={reason} />;
  return <>{children(credentials, (reason) => show(null, reason))}</>;
}

function reasonOf(failure: unknown): string {
  return failure instanceof RequestError ? explain(failure.error) : t("common.noResponse");
}

// Begun at once, while the texts of the page are loaded.
const started: Promise<{ found: Credentials | null; failure?: unknown }> = start().then(
  (found) => ({ found }),
  (failure) => ({ found: null, failure }),
);

async function start(): Promise<Credentials | null> {
  const secret = location.pathname === SIGN_IN ? location.hash.slice(1) : "";
  if (secret) {
    history.replaceState(null, "", SIGN_IN);
    await signInByLink(secret);
  }
  return findCredentials();
}

function SignIn({ onToken, reason }: { onToken: (token: string) => void; reason: string | null }) {
  const [accounts, setAccounts] = useState<DemoAccount[] | null>(null);
  const [error, setError] = useState(reason ?? refusal());

  useEffect(() => {
    void fetchDemoAccounts().then(setAccounts);
    const listening = listenToOpener(onToken);
    return () => void listening.then((stop) => stop());
  }, []);

  const onClick = (userId: string) => signInAs(userId).then(onToken, (failure: Error) => setError(failure.message));
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" />
          HummDesk
        </h1>
        <p class="lead">{t("common.signIn.lead")}</p>
        {error && (
          <p class="error" role="alert">
            <Icon name="warn" /> {error}
          </p>
        )}
        {accounts?.map((account) => (
          <DemoUsers key={account.name} account={account} onClick={onClick} />
        ))}
        {accounts && <CompanyForm onError={setError} />}
        {accounts && (
          <TokenForm onToken={onToken} isOpen={accounts.length === 0 && !location.pathname.startsWith(SIGN_IN)} />
        )}
        <Languages />
      </div>
    </main>
  );
}

// Why the identity provider did not sign the user in.
function refusal(): string | null {
  const reason = new URLSearchParams(location.search).get("refused");
  return reason && t("common.signIn.refused", { reason });
}

// The company is found by the user's e-mail address or by its name, which the address of the page can have. The browser
// remembers what was entered last.
function CompanyForm({ onError }: { onError: (message: string) => void }) {
  const [named] = useState(accountOfAddress);
  const [account, setAccount] = useState(named || (localStorage.getItem(COMPANY_KEY) ?? ""));
  const [isOpen] = useState(account !== "" || location.pathname.startsWith(SIGN_IN));
  const go = () => {
    localStorage.setItem(COMPANY_KEY, account.trim());
    signInAtCompany(account.trim()).catch((failure) => {
      onError(reasonOf(failure));
    });
  };
  useEffect(() => {
    if (named && !refusal()) go();
  }, []);
  return (
    <details class="way" name="way" open={isOpen}>
      <summary>{t("common.signIn.withCompany")}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <label for="company">{t("common.signIn.company")}</label>
        <input
          id="company"
          autocomplete="username"
          autocapitalize="off"
          spellcheck={false}
          value={account}
          onInput={(event) => setAccount(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={!account.trim()}>
          {t("common.signIn.continue")}
        </button>
      </form>
    </details>
  );
}

function DemoUsers({ account, onClick }: { account: DemoAccount; onClick: (userId: string) => void }) {
  const staff = account.people.filter((person) => person.role !== "customer");
  return (
    <section class="demo" aria-label={account.name}>
      <h2 class="overline">{account.name}</h2>
      <ul class="plain">
        {staff.map((person) => (
          <li key={person.userId}>
            <button type="button" class="user-row" onClick={() => onClick(person.userId)}>
              <Avatar name={person.name} />
              <span class="user-name">
                {person.name}
                <small>{person.email}</small>
              </span>
              <span class="tag">{t(`common.role.${person.role}`)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function TokenForm({ onToken, isOpen }: { onToken: (token: string) => void; isOpen: boolean }) {
  const [token, setToken] = useState("");
  return (
    <details class="way" name="way" open={isOpen}>
      <summary>{t("common.signIn.withToken")}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim()) onToken(token.trim());
        }}
      >
        <label for="token">{t("common.signIn.tokenHint")}</label>
        <textarea
          id="token"
          rows={3}
          autocomplete="off"
          spellcheck={false}
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={!token.trim()}>
          {t("common.signIn.submit")}
        </button>
      </form>
    </details>
  );
}

function Languages() {
  return (
    <fieldset class="languages" aria-label={t("common.language")}>
      {(Object.entries(LANGUAGES) as [Language, string][]).map(([one, name]) => (
        <button
          type="button"
          class="quiet"
          key={one}
          lang={one}
          aria-pressed={one === language}
          onClick={() => void chooseLanguage(one)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}

// The company in the address /sign-in/COMPANY.
function accountOfAddress(): string {
  const [first, account = ""] = location.pathname.split("/").filter(Boolean);
  try {
    return `/${first}` === SIGN_IN ? decodeURIComponent(account) : "";
  } catch {
    return "";
  }
}
