import { initials, tint } from "../format";
import type { Presence } from "../types";

interface Props {
  name: string;
  presence?: Presence | undefined;
  photo?: string | undefined;
}

export function Avatar({ name, presence, photo }: Props) {
  return (
    <span class={`avatar tint-${tint(name)}`} data-initials={photo ? "" : initials(name)} aria-hidden="true">
      {photo && <img src={photo} alt="" />}
      {presence && <span class={`dot dot-${presence}`} />}
    </span>
  );
}
