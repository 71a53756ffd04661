// The number of open conversations of a view, which describes its button.

import { number, t } from "@hummdesk/texts";

const MOST = 9999;

export function CountBadge({ count }: { count: number | undefined }) {
  if (!count) return null;
  return (
    <span class="count-badge" aria-hidden="true">
      {count > MOST ? `${number(MOST)}+` : number(count)}
    </span>
  );
}

export function countText(count: number | undefined): string | undefined {
  return count === undefined ? undefined : t("console.list.openCount", { count });
}
