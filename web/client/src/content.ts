import type { Message } from "./contract.js";

/** A part of a message: text, or an element of the few that there are. */
export type Part = string | { tag: string; href?: string; parts: Part[] };

type Content = Pick<Message, "content" | "contentType">;

const TAGS = new Set("a b blockquote br code em i li ol p pre s strong u ul".split(" "));
const TOKEN = /<(\/?)([a-z]+)([^<>]*)>|[^<]+|</gi;
const HREF = /\bhref="([^"]*)"/i;
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const SAFE = /^(https?:|mailto:)/i;
const ENTITY = /&(amp|lt|gt|quot|nbsp|#39|#x27);/g;
const MEANING: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", "#39": "'", "#x27": "'" };

/**
 * What a message says. The HTML of one that the server has sanitized is read by a list of our own all the same: a tag
 * that is not on it is text, and a link that leads to nowhere safe is none. Addresses in a text are links.
 */
export function partsOf({ content, contentType }: Content): Part[] {
  return contentType === "html" ? read(content) : linked(content);
}

/** A message as one line, for lists. */
export function plain(message: Content): string {
  return partsOf(message).map(flat).join("").replace(/\s+/g, " ").trim();
}

/** Nodes of what a message says, made by `create`: that of Preact, React and others. No string becomes HTML. */
export function nodesOf<Node>(
  message: Content,
  create: (tag: string, attributes: ReturnType<typeof linkTo>, ...children: (Node | string)[]) => Node,
): (Node | string)[] {
  const node = (part: Part): Node | string =>
    typeof part === "string" ? part : create(part.tag, linkTo(part.href), ...part.parts.map(node));
  return partsOf(message).map(node);
}

/** The attributes of a link to what somebody wrote; none, if that is no address to go to. */
export function linkTo(href = ""): { href?: string; target?: string; rel?: string } {
  return SAFE.test(href) ? { href, target: "_blank", rel: "noopener noreferrer nofollow" } : {};
}

function read(html: string): Part[] {
  const top: Part[] = [];
  const open: { tag: string; parts: Part[] }[] = [];
  for (const [whole, closing, name = "", attributes = ""] of html.matchAll(TOKEN)) {
    const tag = name.toLowerCase();
    const parts = open.at(-1)?.parts ?? top;
    if (!TAGS.has(tag)) parts.push(decoded(whole));
    else if (closing) close(open, tag);
    else {
      const element = tag === "a" ? link(decoded(HREF.exec(attributes)?.[1] ?? "")) : { tag, parts: [] };
      if (element === undefined) continue;
      parts.push(element);
      if (tag !== "br") open.push(element);
    }
  }
  return top;
}

/** Of what was never opened, nothing. */
function close(open: { tag: string }[], tag: string): void {
  const place = open.map((one) => one.tag).lastIndexOf(tag);
  if (place >= 0) open.length = place;
}

function linked(text: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    parts.push(text.slice(at, index), { tag: "a", href: address, parts: [address] });
    at = index + address.length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== "");
}

function link(href: string): { tag: string; href: string; parts: Part[] } | undefined {
  return SAFE.test(href) ? { tag: "a", href, parts: [] } : undefined;
}

function decoded(text: string): string {
  return text.replace(ENTITY, (whole, name: string) => MEANING[name] ?? whole);
}

function flat(part: Part): string {
  return typeof part === "string" ? part : ` ${part.parts.map(flat).join("")} `;
}
