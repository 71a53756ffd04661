// Loads the pages of admins and their texts when one is opened for the first time, so that the agents' console is small.

import { load, t } from "@hummdesk/texts";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { EmptyState } from "./components/empty-state";
import type { Store } from "./state/store";

type Pages = (props: { store: Store; path: string[] }) => VNode;
export type PagesName = "settings" | "supervisor";

const LOADERS: Record<PagesName, () => Promise<Pages>> = {
  settings: async () => {
    const [pages] = await Promise.all([import("./settings/main"), load("settings"), load("extras")]);
    return pages.Settings;
  },
  supervisor: async () => {
    const [pages] = await Promise.all([
      import("./supervisor/main"),
      load("settings"),
      load("supervisor"),
      load("extras"),
    ]);
    return pages.Supervisor;
  },
};

const loaded = new Map<PagesName, Pages>();

export function PageLoader({ store, name, path }: { store: Store; name: PagesName; path: string[] }) {
  const [hasFailed, setFailed] = useState(false);
  const [, redraw] = useState(0);
  const Found = loaded.get(name);
  useEffect(() => {
    if (loaded.has(name) || hasFailed) return;
    LOADERS[name]().then(
      (found) => {
        loaded.set(name, found);
        redraw((n) => n + 1);
      },
      () => setFailed(true),
    );
  }, [name, hasFailed]);
  if (Found) return <Found store={store} path={path} />;
  if (!hasFailed) return <div class="settings" role="status" aria-label={t(`console.${name}.title`)} />;
  return (
    <EmptyState icon="warn" title={t(`console.${name}.failed`)}>
      <button type="button" class="secondary" onClick={() => setFailed(false)}>
        {t("common.tryAgain")}
      </button>
    </EmptyState>
  );
}
