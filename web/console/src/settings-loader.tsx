// Loads the settings and their texts when they are opened for the first time.

import { load, t } from "@hummdesk/texts";
import { useEffect, useState } from "preact/hooks";
import { EmptyState } from "./components/empty-state";
import type { Store } from "./state/store";

type SettingsPages = typeof import("./settings/main");

let loaded: SettingsPages | null = null;

export function SettingsLoader({ store, path }: { store: Store; path: string[] }) {
  const [hasFailed, setFailed] = useState(false);
  const [pages, setPages] = useState(loaded);
  useEffect(() => {
    if (pages || hasFailed) return;
    Promise.all([import("./settings/main"), load("settings")]).then(
      ([found]) => {
        loaded = found;
        setPages(found);
      },
      () => setFailed(true),
    );
  }, [hasFailed]);
  if (pages) return <pages.Settings store={store} path={path} />;
  if (!hasFailed) return <div class="settings" role="status" aria-label={t("console.settings.title")} />;
  return (
    <EmptyState icon="warn" title={t("console.settings.failed")}>
      <button type="button" class="secondary" onClick={() => setFailed(false)}>
        {t("common.tryAgain")}
      </button>
    </EmptyState>
  );
}
