// Text that is inserted into the field of the composer, such as an AI draft, and its undo.

import { type Composition, EMPTY } from "./state/composition";
import type { Store } from "./state/store";

export interface Insertion {
  // The reply before, and its text afterwards.
  before: Composition;
  after: string;
  onUndo: () => void;
}

// Insert into the reply at the cursor. Ctrl+Z takes it back, as does `undoInsertion`.
export function insertText(
  store: Store,
  conversationId: string,
  text: string,
  more: Partial<Composition>,
  onUndo: () => void = () => {},
): void {
  store.compose(conversationId, { isNote: false });
  const before = store.compositionOf(conversationId);
  const field = document.querySelector<HTMLTextAreaElement>("#composer");
  const kept = before.text ? before : EMPTY;
  const attachments = [...before.attachments, ...(more.attachments ?? [])];
  store.compositions.replace(conversationId, { ...kept, ...more, attachments, text: before.text });
  if (field) type(field, before.text, separated(before.text, field.selectionEnd, text));
  else store.compose(conversationId, { text: [before.text, text].filter(Boolean).join("\n\n") });
  store.insertions.set(conversationId, { before, after: store.compositionOf(conversationId).text, onUndo });
  store.changed();
}

// Whether the reply is shown, and its text is as the insertion has left it.
export function canUndoInsertion(store: Store, conversationId: string): boolean {
  const { isNote, text } = store.compositionOf(conversationId);
  return !isNote && store.insertions.get(conversationId)?.after === text;
}

export function undoInsertion(store: Store, conversationId: string): void {
  const field = document.querySelector<HTMLTextAreaElement>("#composer");
  const text = store.insertions.get(conversationId)?.before.text;
  if (!field || text === undefined) return;
  field.select();
  document.execCommand(text ? "insertText" : "delete", false, text);
}

// Restore what was changed with an inserted text once the user has taken it back. The text of a note is another one.
export function noticeUndo(store: Store, conversationId: string): void {
  const insertion = store.insertions.get(conversationId);
  const { isNote, text } = store.compositionOf(conversationId);
  if (!insertion || isNote || text !== insertion.before.text) return;
  store.insertions.delete(conversationId);
  store.compositions.replace(conversationId, insertion.before);
  insertion.onUndo();
  store.changed();
}

// Type into the field, which may still show a note. No other way leaves the browser's undo intact.
function type(field: HTMLTextAreaElement, shown: string, text: string): void {
  if (field.value !== shown) field.value = shown;
  field.focus();
  field.setSelectionRange(field.selectionEnd, field.selectionEnd);
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, field.selectionEnd, field.selectionEnd, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

// The inserted text is a paragraph of its own.
export function separated(shown: string, cursor: number, text: string): string {
  const [before, after] = [shown.slice(0, cursor), shown.slice(cursor)];
  return gap(/\n*$/, before) + text + gap(/^\n*/, after);
}

function gap(ends: RegExp, text: string): string {
  return text.trim() ? "\n".repeat(Math.max(0, 2 - (ends.exec(text)?.[0].length ?? 0))) : "";
}
