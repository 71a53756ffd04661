// Emoji: their groups, the search by name, and those that an agent has used last.

// As in `compact.json` of emojibase-data. Letters of flags have no group.
export interface Emoji {
  unicode: string;
  hexcode: string;
  label: string;
  tags?: string[];
  group?: number;
  order?: number;
  skins?: Omit<Emoji, "skins">[];
}

// As in `messages.json` of emojibase-data.
export interface Names {
  groups: { key: string; message: string; order: number }[];
}

export interface Group {
  key: string;
  name: string;
  emoji: Emoji[];
}

const PARTS = "component"; // skin tones and hair, which are no emoji by themselves
const RECENT = "recent";
const MOST_RECENT = 18;
const KEY = "hummdesk.emoji.";
const TONE_KEY = "hummdesk.emoji-tone.";
const TONE = /1F3F[B-F]/g;

// The skin tones by the code of their modifier, from light to dark.
export const TONES = { light: "1F3FB", mediumLight: "1F3FC", medium: "1F3FD", mediumDark: "1F3FE", dark: "1F3FF" };
export type Tone = keyof typeof TONES | "none";

// The groups of emoji in Unicode's order.
export function grouped(all: Emoji[], { groups }: Names): Group[] {
  const sorted = [...all].sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
  return groups
    .filter(({ key }) => key !== PARTS)
    .map(({ key, message, order }) => ({ key, name: message, emoji: sorted.filter(({ group }) => group === order) }));
}

// The groups with each emoji in a skin tone, if it exists in it; those that were used last stay as they were.
export function toned(groups: Group[], tone: Tone): Group[] {
  if (tone === "none") return groups;
  const inTone = (one: Emoji): Emoji => {
    const skin = one.skins?.find(({ hexcode }) => hexcode.match(TONE)?.every((code) => code === TONES[tone]));
    return skin ? { ...one, unicode: skin.unicode, hexcode: skin.hexcode } : one;
  };
  return groups.map((group) => (group.key === RECENT ? group : { ...group, emoji: group.emoji.map(inTone) }));
}

// The skin tone that an agent has chosen in this browser.
export function toneOf(storage: Storage, userId: string): Tone {
  const stored = storage.getItem(TONE_KEY + userId) ?? "";
  return Object.hasOwn(TONES, stored) ? (stored as Tone) : "none";
}

export function storeTone(storage: Storage, userId: string, tone: Tone): void {
  storage.setItem(TONE_KEY + userId, tone);
}

// The emoji with all words of a query at the beginning of a word of their name or tags; those named so come first.
export function matching(groups: Group[], query: string): Group[] {
  const words = wordsOf(query);
  const fits = (one: Emoji) => {
    const own = [one.label, ...(one.tags ?? [])].flatMap(wordsOf);
    return words.every((word) => own.some((other) => other.startsWith(word)));
  };
  const isNamedSo = ({ label }: Emoji) => wordsOf(label)[0]?.startsWith(words[0] ?? "") ?? false;
  return groups
    .map((group) => {
      const found = group.emoji.filter(fits);
      return { ...group, emoji: [...found.filter(isNamedSo), ...found.filter((one) => !isNamedSo(one))] };
    })
    .filter(({ emoji }) => emoji.length > 0);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

// The emoji that an agent has used last in this browser, the latest first.
export class RecentEmoji {
  constructor(
    private readonly storage: Storage,
    private readonly userId: string,
  ) {}

  add(emoji: string): void {
    const all = [emoji, ...this.all().filter((one) => one !== emoji)].slice(0, MOST_RECENT);
    this.storage.setItem(KEY + this.userId, JSON.stringify(all));
  }

  // The groups with one before them of what was used last, if there is something.
  before(groups: Group[], name: string): Group[] {
    const all = groups.flatMap(({ emoji }) => emoji.flatMap((one) => [one, ...(one.skins ?? [])]));
    const known = new Map(all.map((one) => [one.unicode, one]));
    const emoji = this.all().flatMap((one) => known.get(one) ?? []);
    return emoji.length > 0 ? [{ key: RECENT, name, emoji }, ...groups] : groups;
  }

  private all(): string[] {
    try {
      const stored: unknown = JSON.parse(this.storage.getItem(KEY + this.userId) ?? "[]");
      return Array.isArray(stored) ? stored.filter((one) => typeof one === "string") : [];
    } catch {
      return [];
    }
  }
}

type Place = Pick<HTMLElement, "offsetTop" | "offsetLeft">;

// The option in the next or previous row that is nearest to the column of the one at `from`.
export function beside(options: Place[], from: number, step: 1 | -1): number {
  const start = options[from];
  if (!start) return 0;
  let next = from;
  while (options[next]?.offsetTop === start.offsetTop) next += step;
  const row = options[next]?.offsetTop;
  if (row === undefined) return from;
  const distance = (n: number) => Math.abs((options[n]?.offsetLeft ?? 0) - start.offsetLeft);
  let nearest = next;
  for (; options[next]?.offsetTop === row; next += step) if (distance(next) < distance(nearest)) nearest = next;
  return nearest;
}
