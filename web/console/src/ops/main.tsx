// What an admin watches: the own account's figures, live.

import type { ErrorReport } from "@hummdesk/client";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { keepToken, keptToken } from "../session";
import { SignIn } from "../signin";
import { View } from "./view";
import { Watch } from "./watch";

function Operations() {
  const [token, setToken] = useState(keptToken);
  const [reason, setReason] = useState<string | null>(null);

  const enter = (given: string) => {
    keepToken(given);
    setReason(null);
    setToken(given);
  };
  const leave = (problem: ErrorReport | null) => {
    // Whoever is merely no admin stays signed in, for the console.
    if (problem?.code !== "FORBIDDEN") keepToken(null);
    setReason(problem?.message ?? null);
    setToken(null);
  };
  if (!token) return <SignIn enter={enter} reason={reason} />;
  return <Watching key={token} token={token} leave={leave} />;
}

function Watching({ token, leave }: { token: string; leave: (problem: ErrorReport | null) => void }) {
  const [watch, setWatch] = useState<Watch | null>(null);
  const [, redraw] = useState(0);
  useEffect(() => {
    const begun = new Watch(token, () => redraw((n) => n + 1), leave);
    setWatch(begun);
    return () => begun.close();
  }, [token]);
  return watch && <View state={watch.state} kept={watch.kept} signOut={() => leave(null)} />;
}

const place = document.getElementById("operations");
if (place) render(<Operations />, place);
