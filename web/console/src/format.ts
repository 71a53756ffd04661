// Times, names and sizes as display text, in the language of the texts.

import type { Cost } from "@hummdesk/client";
import { date, daysFromNow, number, t } from "@hummdesk/texts";

const DAY_MS = 86_400_000;
const TIME: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const WEEKDAY: Intl.DateTimeFormatOptions = { weekday: "short" };
const DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
const LONG_DATE: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" };
const FULL: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short" };

export function clock(timestamp: string): string {
  return date(new Date(timestamp), TIME);
}

export function fullTime(timestamp: string): string {
  return date(new Date(timestamp), FULL);
}

// The time if today, the weekday if within a week, else the date.
export function when(timestamp: string): string {
  const moment = new Date(timestamp);
  const ago = startOfDay(new Date()) - startOfDay(moment);
  if (ago <= 0) return date(moment, TIME);
  return date(moment, ago < 7 * DAY_MS ? WEEKDAY : DATE);
}

export function day(timestamp: string): string {
  const moment = new Date(timestamp);
  const ago = startOfDay(new Date()) - startOfDay(moment);
  return ago <= DAY_MS ? capitalized(daysFromNow(ago <= 0 ? 0 : -1)) : date(moment, LONG_DATE);
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

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function percent(fraction: number): string {
  return number(fraction, { style: "percent" });
}

// The cost of an external model, with two significant digits: it is often below a cent.
export function cost({ tokens, dollars }: Cost): string {
  if (dollars === undefined) return t("common.costUnknown", { tokens });
  const price = number(dollars, { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
  return t("common.cost", { price, tokens });
}

export function size(bytes: number): string {
  if (bytes < 1024) return bytes ? `${bytes} B` : "";
  if (bytes < 1024 ** 2) return `${number(Math.round(bytes / 1024))} KB`;
  return `${number(bytes / 1024 ** 2, { maximumFractionDigits: 1 })} MB`;
}

function startOfDay(moment: Date): number {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate()).getTime();
}
