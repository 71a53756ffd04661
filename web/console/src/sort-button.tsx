// Whether the list begins with the newest message, or with the customer who waits longest.

import { t } from "@hummdesk/texts";
import { Icon } from "./components/icon";
import { useStore } from "./state/context";

export function SortButton() {
  const { list } = useStore();
  if (list.search) return null;
  const isByWaiting = list.sort === "waiting";
  return (
    <button
      type="button"
      class="quiet sort-button"
      aria-pressed={isByWaiting}
      onClick={() => list.filter({ sort: isByWaiting ? "activity" : "waiting" })}
    >
      <Icon name="clock" /> {t("console.list.byWaiting")}
    </button>
  );
}
