// Sign-in: with one click in the demo, otherwise with a token of the operator's own application.

import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { Icon } from "./components/icon";
import { chooseLanguage } from "./state/language";
import { type DemoAccount, fetchDemoAccounts, listenToOpener, signInAs } from "./state/session";

export function SignIn({ onToken, reason }: { onToken: (token: string) => void; reason: string | null }) {
  const [accounts, setAccounts] = useState<DemoAccount[] | null>(null);
  const [error, setError] = useState(reason);

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
        {accounts && <TokenForm onToken={onToken} isAlone={accounts.length === 0} />}
        <Languages />
      </div>
    </main>
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

function TokenForm({ onToken, isAlone }: { onToken: (token: string) => void; isAlone: boolean }) {
  const [token, setToken] = useState("");
  return (
    <details class="token" open={isAlone}>
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
