// Access of components to the store.

import { createContext } from "preact";
import { useContext, useLayoutEffect, useState } from "preact/hooks";
import type { Composition } from "./composition";
import type { Store } from "./store";

export const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error("useStore needs a StoreContext.Provider around the component");
  return store;
}

// Render the component again at each change of the store. Subscribes before the first paint, so that no change is lost.
export function useChanges(store: Store): void {
  const [, redraw] = useState(0);
  useLayoutEffect(() => store.subscribe(() => redraw((n) => n + 1)), [store]);
}

// The unsent text and attachments of a conversation. Each change renders the component again, and nothing else.
export function useComposition(conversationId: string): Composition {
  const store = useStore();
  const [, redraw] = useState(0);
  useLayoutEffect(() => store.compositions.subscribe(() => redraw((n) => n + 1)), [store]);
  return store.compositionOf(conversationId);
}
