// Keyboard shortcuts: single keys outside of fields, dialogs and menus; Ctrl or Cmd with K everywhere.

import { commands } from "./commands";
import type { Store } from "./state/store";

// A held key repeats only moves in the list: the others act on the conversation that is open next.
const REPEATED = new Set(["J", "K"]);
const KEY_NAMES: Record<string, string> = { ArrowDown: "J", ArrowUp: "K", Escape: "Esc" };

// Returns a function that stops listening.
export function listenForShortcuts(store: Store): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      const palette = document.querySelector<HTMLDialogElement>("dialog.palette[open]");
      if (palette) palette.close();
      else store.showOverlay("palette");
      return;
    }
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input:not(.row-check), textarea, select, dialog, [role=menu]")) return;
    if (event.key.startsWith("Arrow") && target.closest(".messages, .draft-text")) return;
    const key = KEY_NAMES[event.key] ?? event.key.toUpperCase();
    const command = commands(store).find((one) => one.keys === key);
    if (!command) return;
    event.preventDefault();
    if (!event.repeat || REPEATED.has(key)) command.run();
  };
  window.addEventListener("keydown", onKeyDown);
  return () => window.removeEventListener("keydown", onKeyDown);
}
