// Keys in the search field: the arrows go through the results, Enter opens one, Escape clears the field, then leaves it.

import { move, openFirst } from "./state/moving";
import type { Store } from "./state/store";

export function onSearchKey(event: KeyboardEvent, store: Store, search: (text: string) => void): void {
  const field = event.currentTarget as HTMLInputElement;
  const text = field.value.trim();
  const submit = () => {
    if (text !== store.list.search) search(text);
  };
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    submit();
    void move(store, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    submit();
    void openFirst(store).then(() => requestAnimationFrame(() => focusOpenRow(field)));
  } else if (event.key === "Escape" && field.value === "") field.blur();
  else return;
  event.preventDefault();
}

function focusOpenRow(field: HTMLInputElement): void {
  const row = document.querySelector<HTMLElement>(".row[aria-current=true]");
  if (row) row.focus();
  else field.blur();
}
