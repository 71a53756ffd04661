// Completion in the composer: "/" a canned reply, "@" the name of a colleague.

export interface Completion {
  trigger: string;
  // The part of the text that the choice replaces.
  start: number;
  end: number;
  query: string;
}

const LONGEST_QUERY = 40;

// The completion at the caret: a trigger at the beginning of a word, and what follows it on the line.
export function completionAt(text: string, caret: number, triggers: string): Completion | null {
  const before = text.slice(Math.max(0, caret - LONGEST_QUERY - 1), caret);
  for (let index = before.length - 1; index >= 0; index--) {
    const letter = before[index] as string;
    if (letter === "\n") return null;
    if (!triggers.includes(letter)) continue;
    const query = before.slice(index + 1);
    const start = caret - before.length + index;
    if (/\S/.test(text[start - 1] ?? " ")) continue;
    return /^\s/.test(query) ? null : { trigger: letter, start, end: caret, query };
  }
  return null;
}

// The items that match a query, the best first: by the beginning of the name, of a word of it, then anywhere.
export function matching<T>(
  items: readonly T[],
  query: string,
  nameOf: (item: T) => string,
  bodyOf?: (item: T) => string,
) {
  const wanted = folded(query.trim());
  const rank = (item: T): number => {
    const name = folded(nameOf(item));
    if (name.startsWith(wanted)) return 0;
    if (name.includes(` ${wanted}`)) return 1;
    if (name.includes(wanted)) return 2;
    return bodyOf && wanted.length > 2 && folded(bodyOf(item)).includes(wanted) ? 3 : 4;
  };
  const ranked = items.map((item) => ({ item, rank: rank(item) })).filter((one) => one.rank < 4);
  return ranked.sort((a, b) => a.rank - b.rank).map((one) => one.item);
}

// Text without accents and in lower case.
export function folded(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
