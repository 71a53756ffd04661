// The text of a reply in place of what the agent has typed. Undoing it restores what was typed, as after an insertion.

import type { Store } from "../state/store";

export function replaceText(store: Store, conversationId: string, text: string): void {
  const before = store.compositionOf(conversationId);
  const field = document.querySelector<HTMLTextAreaElement>("#composer");
  if (field && store.openId === conversationId) type(field, text);
  else store.compose(conversationId, { text });
  const after = store.compositionOf(conversationId).text;
  store.insertions.set(conversationId, { before, after, onUndo: () => {} });
  store.changed();
}

// The browser can undo it.
function type(field: HTMLTextAreaElement, text: string): void {
  field.focus();
  field.select();
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, 0, field.value.length, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
