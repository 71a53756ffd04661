// The agents' console.

import { render } from "preact";
import { useState } from "preact/hooks";
import { App } from "./app";
import { Desk } from "./desk";
import { keepToken, keptToken } from "./session";
import { SignIn } from "./signin";
import type { Problem } from "./types";

function Console() {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [desk, setDesk] = useState<Desk | null>(() => {
    const token = keptToken();
    return token ? begin(token) : null;
  });

  function begin(token: string): Desk {
    keepToken(token);
    return new Desk(token, (reason) => {
      keepToken(null);
      setProblem(reason);
      setDesk(null);
    });
  }
  if (!desk) return <SignIn enter={(token) => setDesk(begin(token))} problem={problem} />;
  return <App desk={desk} />;
}

const place = document.getElementById("console");
if (place) render(<Console />, place);
