// The supervisor's page: queues and agents now, reports, and the conversations behind each figure. Loaded on demand.

import { RestClient } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useMemo } from "preact/hooks";
import { EmptyState } from "../components/empty-state";
import { PageLink } from "../components/page-link";
import { RestContext } from "../settings/context";
import type { Store } from "../state/store";
import { Items } from "./items";
import { Now } from "./now";
import { Report } from "./report";
import { readSource, SourceContext } from "./source";
import "../settings/settings.css";
import "./supervisor.css";

export function Supervisor({ store, path }: { store: Store; path: string[] }) {
  const rest = useMemo(() => new RestClient({ token: store.credentials.token }), [store]);
  return (
    <RestContext.Provider value={rest}>
      <main class="supervisor">
        <h2 class="brand">
          <PageLink href={store.pathOf(null)} class="settings-home">
            <span class="brand-mark" aria-hidden="true" /> HummDesk
          </PageLink>
        </h2>
        {store.me &&
          (store.isAdmin ? <Page path={path} /> : <EmptyState icon="warn" title={t("supervisor.adminsOnly")} />)}
      </main>
    </RestContext.Provider>
  );
}

function Page({ path }: { path: string[] }) {
  const source = readSource(path);
  if (source)
    return (
      <SourceContext.Provider value={source}>
        <Items key={path.join("/")} />
      </SourceContext.Provider>
    );
  if (path.length > 0) return <EmptyState icon="warn" title={t("settings.unknown")} />;
  return (
    <div class="supervisor-page">
      <h1>{t("console.supervisor.title")}</h1>
      <Now />
      <Report />
    </div>
  );
}
