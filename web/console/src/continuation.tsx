// The conversations before and after one that continues, or was merged.

import { t } from "@hummdesk/texts";
import { PageLink } from "./components/page-link";
import { useStore } from "./state/context";
import type { Conversation } from "./types";

export function Continuation({ one: { continuedIn, continuationOf } }: { one: Conversation }) {
  const store = useStore();
  return (
    <>
      {continuationOf && (
        <PageLink href={store.pathOf(continuationOf)} class="continuation">
          {t("console.continuation.of")}
        </PageLink>
      )}
      {continuedIn && (
        <PageLink href={store.pathOf(continuedIn)} class="continuation">
          {t("console.continuation.in")}
        </PageLink>
      )}
    </>
  );
}
