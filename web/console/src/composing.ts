// Writing in the composer: the message that is sent, and the keys that format it.

import type { SendMessage } from "@hummdesk/client";
import { htmlOf, toggleMark } from "./state/markdown";

export const MAX_LENGTH = 10_000;

const MARKS: Record<string, string> = { b: "**", i: "*" };

// What is sent of a text: Markdown becomes HTML, unless that is too long.
export function formatted(content: string): Pick<SendMessage, "content" | "contentType"> {
  const html = htmlOf(content);
  return html !== null && html.length <= MAX_LENGTH ? { content: html, contentType: "html" } : { content };
}

// Make the selected text bold with Ctrl+B or italic with Ctrl+I. Returns whether it was one of these keys.
export function formatByKey(event: KeyboardEvent, field: HTMLTextAreaElement): boolean {
  const mark = MARKS[event.key.toLowerCase()];
  if (!mark || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return false;
  const edit = toggleMark(field.value, field.selectionStart, field.selectionEnd, mark);
  event.preventDefault();
  field.setSelectionRange(edit.start, edit.end);
  document.execCommand("insertText", false, edit.text); // which the browser can undo
  field.setSelectionRange(...edit.selection);
  return true;
}
