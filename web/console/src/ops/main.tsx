// The operations page: live charts for the admins of an account.

import type { ErrorReport } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { explain } from "../components/error-text";
import { SignedIn } from "../sign-in";
import { startTexts } from "../state/language";
import type { Credentials } from "../state/session";
import { OperationsPoller } from "./poller";
import { View } from "./view";

function OperationsPage() {
  return (
    <SignedIn>
      {(credentials, signOut) => <Live key={credentials.userId} credentials={credentials} signOut={signOut} />}
    </SignedIn>
  );
}

interface Props {
  credentials: Credentials;
  signOut: (reason: string | null) => void;
}

function Live({ credentials, signOut }: Props) {
  const [poller, setPoller] = useState<OperationsPoller | null>(null);
  const [, redraw] = useState(0);
  const onRefused = (error: ErrorReport) => {
    // An agent who is not an admin stays signed in to the console.
    const isForbidden = error.code === "FORBIDDEN";
    if (!isForbidden) credentials.end(false);
    signOut(isForbidden ? t("ops.adminsOnly") : explain(error));
  };
  const onSignOut = () => {
    credentials.end(true);
    signOut(null);
  };
  useEffect(() => {
    const started = new OperationsPoller(credentials.token, () => redraw((n) => n + 1), onRefused);
    setPoller(started);
    return () => started.close();
  }, [credentials]);
  return poller && <View state={poller.state} samples={poller.samples} signOut={onSignOut} />;
}

const root = document.getElementById("operations");
if (root) void startTexts("ops", () => render(<OperationsPage />, root));
