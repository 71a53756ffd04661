// Times, names and sizes as display text.

const DAY_MS = 86_400_000;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function clock(timestamp: string): string {
  return time.format(new Date(timestamp));
}

export function fullTime(timestamp: string): string {
  return full.format(new Date(timestamp));
}

// The time if today, the weekday if within a week, else the date.
export function when(timestamp: string): string {
  const moment = new Date(timestamp);
  const ago = startOfDay(new Date()) - startOfDay(moment);
  if (ago <= 0) return time.format(moment);
  return (ago < 7 * DAY_MS ? weekday : date).format(moment);
}

export function day(timestamp: string): string {
  const moment = new Date(timestamp);
  const ago = startOfDay(new Date()) - startOfDay(moment);
  if (ago <= 0) return "Today";
  return ago <= DAY_MS ? "Yesterday" : longDate.format(moment);
}

export function isSameDay(a: string, b: string): boolean {
  return startOfDay(new Date(a)) === startOfDay(new Date(b));
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const [first = "", last = ""] = [words[0]?.[0], words.length > 1 ? words.at(-1)?.[0] : ""];
  return (first + last).toUpperCase() || "?";
}

// The number of a tint, always the same for a name.
export function tint(name: string, tints = 6): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % tints;
}

export function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function size(bytes: number): string {
  if (bytes < 1024) return bytes ? `${bytes} B` : "";
  return bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

function startOfDay(moment: Date): number {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
}
