import { initials, tint } from "../format";
import type { Presence } from "../types";

export function Avatar({ name, presence }: { name: string; presence?: Presence | undefined }) {
  return (
    <span class={`avatar tint-${tint(name)}`} data-initials={initials(name)} aria-hidden="true">
      {presence && <span class={`dot dot-${presence}`} />}
    </span>
  );
}
