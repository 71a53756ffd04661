// What people wrote, as text and elements of ours: no string ever becomes HTML here.

import { type ComponentChildren, createElement, type VNode } from "preact";

const TAGS = new Set("a b blockquote br code em i li ol p pre s strong u ul".split(" "));
const TOKEN = /<(\/?)([a-z]+)([^>]*)>|([^<]+|<)/gi;
const ENTITY = /&(amp|lt|gt|quot|nbsp|#39|#x27);/g;
const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  nbsp: " ",
  "#39": "'",
  "#x27": "'",
};
const HREF = /\bhref="([^"]*)"/i;
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const SAFE = /^(https?:|mailto:)/i;

interface Open {
  tag: string;
  href: string | undefined;
  children: ComponentChildren[];
}

export function Content({ content, contentType }: { content: string; contentType: "text" | "html" }) {
  return <>{contentType === "html" ? elements(content) : linked(content)}</>;
}

export function Link({ href, children }: { href: string; children: ComponentChildren }) {
  if (!SAFE.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

// HTML that the server has sanitized, read again by a list of our own: a tag that is not on it is shown as it is written.
function elements(html: string): ComponentChildren[] {
  const stack: Open[] = [{ tag: "", href: undefined, children: [] }];
  for (const [whole, closing, name, attributes, text] of html.matchAll(TOKEN)) {
    const top = stack.at(-1) as Open;
    const tag = name?.toLowerCase() ?? "";
    if (text !== undefined || !TAGS.has(tag)) top.children.push(decoded(text ?? whole));
    else if (tag === "br") top.children.push(<br />);
    else if (!closing) stack.push({ tag, href: decoded(HREF.exec(attributes ?? "")?.[1] ?? ""), children: [] });
    else if (top.tag === tag) close(stack);
  }
  while (stack.length > 1) close(stack);
  return stack[0]?.children ?? [];
}

function close(stack: Open[]): void {
  const { tag, href, children } = stack.pop() as Open;
  const made: VNode = tag === "a" ? <Link href={href ?? ""}>{children}</Link> : createElement(tag, null, children);
  stack.at(-1)?.children.push(made);
}

function decoded(text: string): string {
  return text.replace(ENTITY, (_, name: string) => ENTITIES[name] ?? "");
}

function linked(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    parts.push(text.slice(at, index), <Link href={address}>{address}</Link>);
    at = index + address.length;
  }
  parts.push(text.slice(at));
  return parts;
}

// A message as one line, for lists.
export function plain(content: string, contentType: "text" | "html"): string {
  const text = contentType === "html" ? decoded(content.replace(/<[^>]*>/g, " ")) : content;
  return text.replace(/\s+/g, " ").trim();
}
