// Markdown of agents, to the elements that messages may have. Everything else stays text: the server sanitizes the
// result, and clients check it again.

const ESCAPED: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

interface Block {
  line: RegExp;
  least: number;
  wrap: (lines: readonly string[]) => string;
}

const BLOCKS: Block[] = [
  { line: /^[-*] +(?=\S)/, least: 2, wrap: (items) => listOf("ul", items) },
  { line: /^\d{1,3}\. +(?=\S)/, least: 2, wrap: (items) => listOf("ol", items) },
  { line: /^> ?/, least: 1, wrap: (lines) => `<blockquote>${lines.join("<br>")}</blockquote>` },
];
const BEFORE = String.raw`(?<![\p{L}\p{N}*\\])`;
const AFTER = String.raw`(?![\p{L}\p{N}*])`;
const MARK = new RegExp(
  [
    "`([^`\n]+)`",
    String.raw`\[([^\]\n]+)\]\(((?:https?:\/\/|mailto:)[^\s()<>]+)\)`,
    String.raw`${BEFORE}\*\*(\S|\S[^\n]*?\S)\*\*${AFTER}`,
    String.raw`${BEFORE}\*([^\s*]|[^\s*][^\n*]*[^\s*])\*${AFTER}`,
  ].join("|"),
  "gu",
);

// The HTML of a text with Markdown; null if there is nothing to format.
export function htmlOf(text: string): string | null {
  const blocks: string[] = [];
  let isFormatted = false;
  const inline = (line: string) => {
    const html = inlineOf(line);
    isFormatted ||= html !== escaped(line);
    return html;
  };
  const lines = text.split("\n");
  for (let n = 0; n < lines.length; ) {
    const kind = blockAt(lines, n);
    if (!kind) {
      const line = inline(lines[n++] as string);
      blocks.push(n < lines.length && !blockAt(lines, n) ? `${line}<br>` : line);
      continue;
    }
    isFormatted = true;
    const block: string[] = [];
    for (; lines[n] !== undefined && kind.line.test(lines[n] as string); n++)
      block.push(inline((lines[n] as string).replace(kind.line, "")));
    blocks.push(kind.wrap(block));
  }
  return isFormatted ? blocks.join("") : null;
}

export interface Edit {
  start: number;
  end: number;
  text: string;
  // What is selected afterwards.
  selection: [number, number];
}

// Put marks around the selected text, or remove them.
export function toggleMark(text: string, start: number, end: number, mark: string): Edit {
  const { length } = mark;
  const selected = text.slice(start, end);
  if (text.slice(start - length, start) === mark && text.slice(end, end + length) === mark)
    return { start: start - length, end: end + length, text: selected, selection: [start - length, end - length] };
  return { start, end, text: mark + selected + mark, selection: [start + length, end + length] };
}

// The block that begins at a line. A single item is no list: it can be a signature, or a sentence.
function blockAt(lines: readonly string[], n: number): Block | undefined {
  return BLOCKS.find(
    ({ line, least }) =>
      lines.slice(n, n + least).length === least && lines.slice(n, n + least).every((one) => line.test(one)),
  );
}

function listOf(tag: string, items: readonly string[]): string {
  return `<${tag}>${items.map((item) => `<li>${item}</li>`).join("")}</${tag}>`;
}

function inlineOf(line: string): string {
  let html = "";
  let end = 0;
  for (const match of line.matchAll(MARK)) {
    const [whole, code, label, href, bold, italic] = match;
    html += escaped(line.slice(end, match.index));
    end = match.index + whole.length;
    if (code !== undefined) html += `<code>${escaped(code)}</code>`;
    else if (href !== undefined) html += `<a href="${escaped(href)}">${escaped(label ?? "")}</a>`;
    else if (bold !== undefined) html += `<strong>${inlineOf(bold)}</strong>`;
    else html += `<em>${escaped(italic ?? "")}</em>`;
  }
  return html + escaped(line.slice(end));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => ESCAPED[letter] as string);
}
