// The agent console.

import { render } from "preact";
import { useState } from "preact/hooks";
import { App } from "./app";
import { listenForShortcuts } from "./shortcuts";
import { SignIn } from "./sign-in";
import { startTexts } from "./state/language";
import { storedToken, storeToken } from "./state/session";
import { Store } from "./state/store";

function Console() {
  const [reason, setReason] = useState<string | null>(null);
  const [store, setStore] = useState<Store | null>(() => {
    const token = storedToken();
    return token ? signIn(token) : null;
  });

  function signIn(token: string): Store {
    storeToken(token);
    const store = new Store(token, (reason) => {
      storeToken(null);
      stopListening();
      setReason(reason);
      setStore(null);
    });
    const stopListening = listenForShortcuts(store); // before the first render, which keys may follow at once
    return store;
  }
  if (!store) return <SignIn onToken={(token) => setStore(signIn(token))} reason={reason} />;
  return <App store={store} />;
}

const root = document.getElementById("console");
if (root) void startTexts("console", () => render(<Console />, root));
