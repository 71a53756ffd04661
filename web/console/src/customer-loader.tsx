// Loads the panel of the customer when a conversation is open on a screen that is wide enough to show it.

import { load as loadTexts } from "@hummdesk/texts";
import { useEffect, useState } from "preact/hooks";
import type { CustomerPanel } from "./customer/panel";

const WIDE = "(min-width: 1151px)";

let Loaded: typeof CustomerPanel | undefined;

export function Customer(props: Parameters<typeof CustomerPanel>[0]) {
  const [isWide, setWide] = useState(() => matchMedia(WIDE).matches);
  const [, redraw] = useState(0);
  useEffect(() => {
    const query = matchMedia(WIDE);
    const onChange = () => setWide(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  useEffect(() => {
    if (!isWide || Loaded) return;
    Promise.all([import("./customer/panel"), loadTexts("extras")]).then(
      ([module]) => {
        Loaded = module.CustomerPanel;
        redraw((n) => n + 1);
      },
      () => {}, // without the panel, the conversation is shown all the same
    );
  }, [isWide]);
  return isWide && Loaded ? <Loaded {...props} /> : null;
}
