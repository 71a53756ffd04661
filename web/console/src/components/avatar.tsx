import { useState } from "preact/hooks";
import { initials, tint } from "../format";
import type { Presence } from "../types";

interface Props {
  name: string;
  presence?: Presence | undefined;
  photo?: string | undefined;
}

// With initials in place of a photo that was replaced or removed.
export function Avatar({ name, presence, photo }: Props) {
  const [missing, setMissing] = useState<string>();
  const shown = photo === missing ? undefined : photo;
  return (
    <span class={`avatar tint-${tint(name)}`} data-initials={shown ? "" : initials(name)} aria-hidden="true">
      {shown && <img src={shown} alt="" onError={() => setMissing(shown)} />}
      {presence && <span class={`dot dot-${presence}`} />}
    </span>
  );
}
