// A resource that a form edits: it is stored only if nobody else has changed it since it was loaded.

import { type CallOptions, etagOf, type RestClient } from "@hummdesk/client/rest";
import { useState } from "preact/hooks";
import { useRest } from "./context";
import { type Loaded, useLoaded } from "./loading";

export interface Edited<T> extends Loaded<T> {
  // Of the form, which begins anew after `reload`.
  key: number;
  // `change` stores the values, with the options it is given, and returns the changed resource.
  save: (change: (rest: RestClient, options: CallOptions) => Promise<T>, overwrite?: boolean) => Promise<void>;
}

export function useEdited<T extends object>(key: string, load: (rest: RestClient) => Promise<T>): Edited<T> {
  const rest = useRest();
  const loaded = useLoaded(key, load, { isLive: false });
  const [saved, setSaved] = useState<T | null>(null);
  const [count, setCount] = useState(0);
  const value = saved ?? loaded.value;
  return {
    ...loaded,
    value,
    key: count,
    save: async (change, overwrite = false) => {
      const ifMatch = value && !overwrite ? etagOf(value) : undefined;
      setSaved(await change(rest, { ifMatch }));
    },
    reload: async () => {
      await loaded.reload();
      setSaved(null);
      setCount((count) => count + 1);
    },
  };
}
