// How a component sees the desk.

import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("There is no desk around this component");
  return desk;
}

// Draws the component again when the desk has changed.
export function useChanges(desk: Desk): void {
  const [, redraw] = useState(0);
  useEffect(() => desk.subscribe(() => redraw((n) => n + 1)), [desk]);
}
