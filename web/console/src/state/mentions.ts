// The colleagues that a note mentions: their names follow an "@".

import type { Agent } from "../types";

const MOST = 10;
const LETTER = /[\p{L}\p{N}_]/u;

type Named = Pick<Agent, "agentId" | "name">;

// The ids of the colleagues. Of names that begin alike, the longest counts; agents of the same name are all mentioned.
export function mentionsIn(text: string, colleagues: Iterable<Named>): string[] {
  const byLength = [...colleagues].filter(({ name }) => name).sort((a, b) => b.name.length - a.name.length);
  const found = new Set<string>();
  for (const { index } of text.matchAll(/@/g)) {
    if (LETTER.test(text[index - 1] ?? "")) continue;
    const name = byLength.find((one) => isNamedAt(text, index + 1, one.name))?.name;
    for (const one of byLength) if (one.name === name) found.add(one.agentId);
  }
  return [...found].slice(0, MOST);
}

function isNamedAt(text: string, start: number, name: string): boolean {
  const end = start + name.length;
  return text.slice(start, end).toLowerCase() === name.toLowerCase() && !LETTER.test(text[end] ?? "");
}
