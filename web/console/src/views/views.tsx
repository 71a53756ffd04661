// The saved views beside the list, and the button that saves what the list shows as one.

import { t } from "@hummdesk/texts";
import { Icon } from "../components/icon";
import { IconButton } from "../components/icon-button";
import { CountBadge, countText } from "../count-badge";
import { useStore } from "../state/context";

export function Views() {
  const store = useStore();
  const { list, inbox } = store;
  const views = inbox.sortedViews;
  if (views.length === 0 && !store.canReply) return null;
  const open = inbox.views.get(list.view);
  const mayEdit = open && store.canReply && (!open.shared || store.isAdmin);
  return (
    <fieldset class="views" aria-label={t("console.views.label")}>
      {views.map(({ viewId, name, shared }) => {
        const { count, hasMore } = inbox.viewCountOf(viewId) ?? {};
        return (
          <button
            type="button"
            key={viewId}
            class="view-chip"
            aria-pressed={list.view === viewId}
            aria-description={
              count === undefined
                ? t("console.views.uncounted")
                : t("console.views.count", { count: countText(count, hasMore) })
            }
            title={shared ? t("console.views.sharedView", { name }) : name}
            onClick={() => list.show(viewId)}
          >
            <span dir="auto">{name}</span>
            <CountBadge count={count} hasMore={hasMore} />
          </button>
        );
      })}
      {mayEdit && <IconButton icon="gear" label={t("console.views.edit")} onClick={() => store.showOverlay("view")} />}
      {store.canReply && !open && (
        <button type="button" class="quiet view-chip" onClick={() => store.showOverlay("view")}>
          <Icon name="note" /> {t("console.views.save")}
        </button>
      )}
    </fieldset>
  );
}
