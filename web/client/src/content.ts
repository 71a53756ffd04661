/** A part of a message: text, or an element of the few that there are. Whoever shows it makes nodes of it, never HTML. */
export type Part = string | { tag: string; href?: string; parts: Part[] };

const TAGS = new Set("a b blockquote br code em i li ol p pre s strong u ul".split(" "));
const TOKEN = /<(\/?)([a-z]+)([^<>]*)>|[^<]+|</gi;
const HREF = /\bhref="([^"]*)"/i;
const SAFE = /^(https?:|mailto:)/i;
const ENTITY = /&(amp|lt|gt|quot|nbsp|#39|#x27);/g;
const MEANING: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", "#39": "'", "#x27": "'" };

/** What a message says; the HTML of one that the server has sanitized is read by a list of our own all the same. */
export function partsOf({ content, contentType }: { content: string; contentType: "text" | "html" }): Part[] {
  return contentType === "html" ? read(content) : [content];
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
      const element = { tag, ...link(tag, attributes), parts: [] };
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

function link(tag: string, attributes: string): { href?: string } {
  const href = tag === "a" ? decoded(HREF.exec(attributes)?.[1] ?? "") : "";
  return SAFE.test(href) ? { href } : {};
}

function decoded(text: string): string {
  return text.replace(ENTITY, (whole, name: string) => MEANING[name] ?? whole);
}
