// The number of conversations of a view, which describes its button.

import { number } from "@hummdesk/texts";

const MOST = 9999;

// `hasMore`: at least so many.
export function CountBadge({ count, hasMore = false }: { count: number | undefined; hasMore?: boolean | undefined }) {
  if (!count) return null;
  return (
    <span class="count-badge" aria-hidden="true">
      {countText(count, hasMore)}
    </span>
  );
}

export function countText(count: number, hasMore = false): string {
  return number(Math.min(count, MOST)) + (hasMore || count > MOST ? "+" : "");
}
