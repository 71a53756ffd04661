// A component that is loaded when it is first shown. Until then, and if it cannot be loaded, nothing is shown.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | undefined;
  return (props: Props) => {
    const [, redraw] = useState(0);
    useEffect(() => {
      if (Loaded) return;
      load().then(
        (found) => {
          Loaded = found;
          redraw((n) => n + 1);
        },
        () => {},
      );
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}
