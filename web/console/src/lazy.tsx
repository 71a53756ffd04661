// A component that is loaded when it is first shown. Until then nothing is shown, and a notice if it cannot be loaded.

import { t } from "@hummdesk/texts";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useStore } from "./state/context";

export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | undefined;
  return (props: Props) => {
    const store = useStore();
    const [, redraw] = useState(0);
    useEffect(() => {
      if (Loaded) return;
      load().then(
        (found) => {
          Loaded = found;
          redraw((n) => n + 1);
        },
        () => {
          store.showToast(t("common.noResponse"));
          (props as { close?: () => void }).close?.();
        },
      );
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}
