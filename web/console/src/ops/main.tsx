// The operations page: live charts for the admins of an account.

import type { ErrorReport } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { explain } from "../components/error-text";
import { SignIn } from "../sign-in";
import { startTexts } from "../state/language";
import { storedToken, storeToken } from "../state/session";
import { OperationsPoller } from "./poller";
import { View } from "./view";

function OperationsPage() {
  const [token, setToken] = useState(storedToken);
  const [reason, setReason] = useState<string | null>(null);

  const signIn = (token: string) => {
    storeToken(token);
    setReason(null);
    setToken(token);
  };
  const signOut = (error: ErrorReport | null) => {
    // An agent who is not an admin stays signed in to the console.
    const isForbidden = error?.code === "FORBIDDEN";
    if (!isForbidden) storeToken(null);
    setReason(error && (isForbidden ? t("ops.adminsOnly") : explain(error)));
    setToken(null);
  };
  if (!token) return <SignIn onToken={signIn} reason={reason} />;
  return <Live key={token} token={token} signOut={signOut} />;
}

function Live({ token, signOut }: { token: string; signOut: (error: ErrorReport | null) => void }) {
  const [poller, setPoller] = useState<OperationsPoller | null>(null);
  const [, redraw] = useState(0);
  useEffect(() => {
    const started = new OperationsPoller(token, () => redraw((n) => n + 1), signOut);
    setPoller(started);
    return () => started.close();
  }, [token]);
  return poller && <View state={poller.state} samples={poller.samples} signOut={() => signOut(null)} />;
}

const root = document.getElementById("operations");
if (root) void startTexts("ops", () => render(<OperationsPage />, root));
