import type { Message } from "./contract.js";

/** A part of a message's content: text, or one of the allowed elements. */
export type Part = string | { tag: string; href?: string; parts: Part[] };

type Content = Pick<Message, "content" | "contentType">;

const TAGS = new Set("a b blockquote br code em i li ol p pre s strong u ul".split(" "));
const TOKEN = /<(\/?)([a-z]+)([^<>]*)>|[^<]+|</gi;
const HREF = /\bhref="([^"]*)"/i;
const URL_IN_TEXT = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const SAFE_URL = /^(https?:|mailto:)/i;
const ENTITY = /&(amp|lt|gt|quot|nbsp|#39|#x27);/g;
const CHARACTERS: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  nbsp: " ",
  "#39": "'",
  "#x27": "'",
};

/**
 * Parse the content of a message into parts.
 *
 * HTML was sanitized by the server and is checked again here: tags that are not allowed become text, and links with an
 * unsafe scheme are dropped. URLs in plain text become links.
 */
export function partsOf({ content, contentType }: Content): Part[] {
  return contentType === "html" ? parseHtml(content) : linkUrls(content);
}

/** The content of a message as one line of text, for lists and previews. */
export function plain(message: Content): string {
  return partsOf(message).map(textOf).join("").replace(/\s+/g, " ").trim();
}

/**
 * Render the content of a message with `create`, such as `createElement` of Preact or React. No string is interpreted as
 * HTML.
 */
export function nodesOf<Node>(
  message: Content,
  create: (tag: string, attributes: ReturnType<typeof linkTo>, ...children: (Node | string)[]) => Node,
): (Node | string)[] {
  const node = (part: Part): Node | string =>
    typeof part === "string" ? part : create(part.tag, linkTo(part.href), ...part.parts.map(node));
  return partsOf(message).map(node);
}

/** Attributes of a link to a URL that a user wrote; none if its scheme is not http, https or mailto. */
export function linkTo(href = ""): { href?: string; target?: string; rel?: string } {
  return SAFE_URL.test(href) ? { href, target: "_blank", rel: "noopener noreferrer nofollow" } : {};
}

function parseHtml(html: string): Part[] {
  const top: Part[] = [];
  const open: { tag: string; parts: Part[] }[] = [];
  for (const [whole, closing, name = "", attributes = ""] of html.matchAll(TOKEN)) {
    const tag = name.toLowerCase();
    const parts = open.at(-1)?.parts ?? top;
    if (!TAGS.has(tag)) parts.push(decode(whole));
    else if (closing) close(open, tag);
    else {
      const element = tag === "a" ? link(decode(HREF.exec(attributes)?.[1] ?? "")) : { tag, parts: [] };
      if (element === undefined) continue;
      parts.push(element);
      if (tag !== "br") open.push(element);
    }
  }
  return top;
}

/** Close the innermost open element with this tag; ignore a closing tag that matches none. */
function close(open: { tag: string }[], tag: string): void {
  const index = open.map((element) => element.tag).lastIndexOf(tag);
  if (index >= 0) open.length = index;
}

function linkUrls(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: url, index } of text.matchAll(URL_IN_TEXT)) {
    parts.push(text.slice(end, index), { tag: "a", href: url, parts: [url] });
    end = index + url.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

function link(href: string): { tag: string; href: string; parts: Part[] } | undefined {
  return SAFE_URL.test(href) ? { tag: "a", href, parts: [] } : undefined;
}

function decode(text: string): string {
  return text.replace(ENTITY, (whole, name: string) => CHARACTERS[name] ?? whole);
}

function textOf(part: Part): string {
  return typeof part === "string" ? part : ` ${part.parts.map(textOf).join("")} `;
}
