// The Markdown of messages, for editing.

import { type Part, partsOf } from "@hummdesk/client";

const MARKS: Record<string, string> = { b: "**", strong: "**", i: "*", em: "*", code: "`" };

// The Markdown of a message's content.
export function markdownOf(message: Parameters<typeof partsOf>[0]): string {
  return message.contentType === "html" ? partsOf(message).map(sourceOf).join("").trim() : message.content;
}

function sourceOf(part: Part): string {
  if (typeof part === "string") return part;
  const inside = part.parts.map(sourceOf).join("");
  if (part.tag === "br") return "\n";
  if (part.tag === "a") return part.href === inside ? inside : `[${inside}](${part.href})`;
  if (part.tag === "blockquote") return `\n${inside.replace(/^/gm, "> ")}\n`;
  if (part.tag === "ul" || part.tag === "ol") {
    const items = part.parts.filter((item) => typeof item !== "string");
    const bullet = (n: number) => (part.tag === "ol" ? `${n + 1}.` : "-");
    return `\n${items.map((item, n) => `${bullet(n)} ${sourceOf(item)}`).join("\n")}\n`;
  }
  if (part.tag === "p") return `${inside}\n\n`;
  const mark = MARKS[part.tag] ?? "";
  return mark + inside + mark;
}
