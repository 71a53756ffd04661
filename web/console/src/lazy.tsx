// Components that are loaded after the console. One that is shown before is blank until it is loaded, with a notice if it
// cannot be.

import { load as loadTexts, t } from "@hummdesk/texts";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useStore } from "./state/context";

const all: (() => Promise<void>)[] = [];

export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | undefined;
  const complete = async () => {
    [Loaded] = await Promise.all([load(), loadTexts("extras")]);
  };
  all.push(complete);
  return (props: Props) => {
    const store = useStore();
    const [, redraw] = useState(0);
    useEffect(() => {
      if (Loaded) return;
      complete().then(
        () => redraw((n) => n + 1),
        () => {
          store.showToast(t("common.noResponse"));
          (props as { close?: () => void }).close?.();
        },
      );
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}

// Load all components. One that cannot be loaded is loaded when it is shown.
export async function loadAll(): Promise<void> {
  await Promise.allSettled(all.map((complete) => complete()));
}
