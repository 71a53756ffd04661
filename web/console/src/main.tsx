// The agents' console.

import { render } from "preact";
import { useState } from "preact/hooks";
import { App } from "./app";
import { Desk } from "./desk";
import { keepToken, keptToken } from "./session";
import { SignIn } from "./signin";

function Console() {
  const [reason, setReason] = useState<string | null>(null);
  const [desk, setDesk] = useState<Desk | null>(() => {
    const token = keptToken();
    return token ? begin(token) : null;
  });

  function begin(token: string): Desk {
    keepToken(token);
    return new Desk(token, (why) => {
      keepToken(null);
      setReason(why);
      setDesk(null);
    });
  }
  if (!desk) return <SignIn enter={(token) => setDesk(begin(token))} reason={reason} />;
  return <App desk={desk} />;
}

const place = document.getElementById("console");
if (place) render(<Console />, place);
