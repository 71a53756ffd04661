// The text of a reply in place of what the agent has typed. Undoing it restores what was typed, as after an insertion.

import type { Store } from "../state/store";

export function replaceText(store: Store, conversationId: string, text: string): void {
  const before = store.compositionOf(conversationId);
  const field = document.querySelector<HTMLTextAreaElement>("#composer");
  if (field && store.openId === conversationId && isAtComposer(field)) type(field, text);
  else store.compose(conversationId, { text });
  const after = store.compositionOf(conversationId).text;
  store.insertions.set(conversationId, { before, after, onUndo: () => {} });
  store.changed();
}

// Elsewhere, such as in a dialog, the agent keeps the focus, and the browser would insert the text there.
function isAtComposer(field: HTMLElement): boolean {
  return field.closest(".composer")?.contains(document.activeElement) ?? false;
}

// The browser can undo it.
function type(field: HTMLTextAreaElement, text: string): void {
  field.focus();
  field.select();
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, 0, field.value.length, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
