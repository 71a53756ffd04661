import { useState } from "preact/hooks";
import { initials, tint } from "../format";
import type { Presence } from "../types";

interface Props {
  name: string;
  presence?: Presence | undefined;
  photo?: string | undefined;
}

// A photo that cannot be loaded, such as one that was replaced, gives way to the initials.
export function Avatar({ name, presence, photo }: Props) {
  const [failed, setFailed] = useState<string>();
  const shown = photo === failed ? undefined : photo;
  return (
    <span class={`avatar tint-${tint(name)}`} data-initials={shown ? "" : initials(name)} aria-hidden="true">
      {shown && <img src={shown} alt="" onError={() => setFailed(shown)} />}
      {presence && <span class={`dot dot-${presence}`} />}
    </span>
  );
}
