// The agent console.

import { render } from "preact";
import { useState } from "preact/hooks";
import { App } from "./app";
import { listenForShortcuts } from "./shortcuts";
import { SignedIn } from "./sign-in";
import { startTexts } from "./state/language";
import type { Credentials } from "./state/session";
import { Store } from "./state/store";

function Console() {
  return <SignedIn>{(credentials, signOut) => <StoreProvider credentials={credentials} signOut={signOut} />}</SignedIn>;
}

interface Props {
  credentials: Credentials;
  signOut: (reason: string | null) => void;
}

function StoreProvider({ credentials, signOut }: Props) {
  const [store] = useState(() => {
    const store = new Store(credentials, (reason) => {
      stopListening();
      signOut(reason);
    });
    const stopListening = listenForShortcuts(store); // before the first render, which keys may follow at once
    return store;
  });
  return <App store={store} />;
}

// A phone's keyboard covers the end of the page, unless the browser makes the page smaller itself.
const viewport = window.visualViewport;
viewport?.addEventListener("resize", () => {
  if (viewport.scale === 1) document.documentElement.style.height = `${viewport.height}px`;
});

const root = document.getElementById("console");
if (root) void startTexts("console", () => render(<Console />, root));
