// The door: a click in the demo, elsewhere a token of the operator's own application.

import { useEffect, useState } from "preact/hooks";
import { words } from "./format";
import { Icon } from "./icons";
import { Avatar } from "./parts";
import { type DemoAccount, demoPeople, listenToOpener, signInAs } from "./session";

export function SignIn({ enter, reason }: { enter: (token: string) => void; reason: string | null }) {
  const [accounts, setAccounts] = useState<DemoAccount[] | null>(null);
  const [fault, setFault] = useState(reason);

  useEffect(() => {
    void demoPeople().then(setAccounts);
    const listening = listenToOpener(enter);
    return () => void listening.then((stop) => stop());
  }, []);

  const click = (userId: string) => signInAs(userId).then(enter, (error: Error) => setFault(error.message));
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" />
          HummDesk
        </h1>
        <p class="lead">Sign in to the agents’ console.</p>
        {fault && (
          <p class="fault" role="alert">
            <Icon name="warn" /> {fault}
          </p>
        )}
        {accounts?.map((account) => (
          <People key={account.name} account={account} click={click} />
        ))}
        {accounts && <TokenForm enter={enter} isAlone={accounts.length === 0} />}
      </div>
    </main>
  );
}

function People({ account, click }: { account: DemoAccount; click: (userId: string) => void }) {
  const staff = account.people.filter((person) => person.role !== "customer");
  return (
    <section class="demo" aria-label={account.name}>
      <h2 class="overline">{account.name}</h2>
      <ul class="plain">
        {staff.map((person) => (
          <li key={person.userId}>
            <button type="button" class="person-row" onClick={() => click(person.userId)}>
              <Avatar name={person.name} />
              <span class="person-name">
                {person.name}
                <small>{person.email}</small>
              </span>
              <span class="tag">{words(person.role)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function TokenForm({ enter, isAlone }: { enter: (token: string) => void; isAlone: boolean }) {
  const [token, setToken] = useState("");
  return (
    <details class="token" open={isAlone}>
      <summary>Sign in with a token</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim()) enter(token.trim());
        }}
      >
        <label for="token">Your application issues it for you. It is kept for this tab only.</label>
        <textarea
          id="token"
          rows={3}
          autocomplete="off"
          spellcheck={false}
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={!token.trim()}>
          Sign in
        </button>
      </form>
    </details>
  );
}
