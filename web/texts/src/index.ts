// The texts of the pages in the user's language. A page loads the parts of the catalogue that it needs, and Intl formats
// numbers and times.

import { FILES } from "virtual:texts";
import format, { type CompiledMessage, type FormatOptions } from "icu-minify/format";
import type { Values } from "../dist/values";

export type Language = "en" | "de";
export type Part = "console" | "extras" | "assist" | "files" | "ops" | "settings" | "supervisor" | "widget";
export type Key = keyof Values;
// Returns the element for a tag of a message, given what is inside the tag.
// biome-ignore lint/suspicious/noExplicitAny: the elements of any library
export type Tag = (children: any[]) => any;
// A message without values.
export type PlainKey = { [K in Key]: keyof Values[K] extends never ? K : never }[Key];
type Arguments<K extends Key> = keyof Values[K] extends never ? [] : [values: Values[K]];

export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch" };

const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

const texts: Record<string, CompiledMessage> = {};
const parts = new Map<Part, Promise<void>>();
let server = "";
// The language of the texts, and the locale for numbers and times: "en-GB" of the browser, if the language is "en".
export let language: Language = "en";
export let locale = "en";

export function t<K extends Key>(key: K, ...[values]: Arguments<K>): string {
  return String(format(texts[key] ?? key, locale, values, { formatters: FORMATTERS }));
}

// A message with tags: what they return, between the texts.
export function rich<K extends Key>(key: K, ...[values]: Arguments<K>): unknown {
  return format<unknown>(texts[key] ?? key, locale, values, { formatters: FORMATTERS });
}

// Choose a language and load its texts. `origin` is the server's, if the page is not one of the server.
export async function start(wanted: readonly string[], part: Part, origin = ""): Promise<void> {
  server = origin;
  choose(wanted);
  await load(part);
}

export async function load(part: Part): Promise<void> {
  const loading = parts.get(part) ?? fetchTexts(language, part).then((found) => void Object.assign(texts, found));
  parts.set(part, loading);
  await loading.catch((failure) => {
    if (parts.get(part) === loading) parts.delete(part);
    throw failure;
  });
}

// Replace the loaded texts with those of another language.
export async function change(wanted: Language): Promise<void> {
  const loaded = await Promise.all([...parts.keys()].map((part) => fetchTexts(wanted, part)));
  choose([wanted]);
  Object.assign(texts, ...loaded);
}

function choose(wanted: readonly string[]): void {
  language = (wanted.map(baseOf).find((one) => Object.hasOwn(LANGUAGES, one)) as Language | undefined) ?? "en";
  const locales = [...wanted, ...navigator.languages].filter((one) => baseOf(one) === language && isLocale(one));
  locale = locales.find((one) => one.includes("-")) ?? language;
}

function baseOf(tag: string): string {
  return tag.split("-")[0]?.toLowerCase() ?? "";
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

// Nothing can be shown without texts: retry until they arrive.
async function fetchTexts(wanted: Language, part: Part): Promise<Record<string, CompiledMessage>> {
  for (let delay = RETRY_MS; ; delay = Math.min(2 * delay, LONGEST_RETRY_MS)) {
    const response = await fetch(server + FILES[wanted][part], { credentials: "omit" }).catch(() => null);
    if (response?.ok) return response.json();
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

// Formatters are slow to make: each one is made once.
const made = new Map<string, unknown>();

function once<O, F>(kind: string, make: new (locale: string, options?: O) => F): (locale: string, options?: O) => F {
  return (locale, options) => {
    const key = kind + locale + JSON.stringify(options);
    const found = made.get(key) ?? new make(locale, options);
    made.set(key, found);
    return found as F;
  };
}

const numbers = once<Intl.NumberFormatOptions, Intl.NumberFormat>("number", Intl.NumberFormat);
const dates = once<Intl.DateTimeFormatOptions, Intl.DateTimeFormat>("date", Intl.DateTimeFormat);
const plurals = once<Intl.PluralRulesOptions, Intl.PluralRules>("plural", Intl.PluralRules);
const relative = once<Intl.RelativeTimeFormatOptions, Intl.RelativeTimeFormat>("relative", Intl.RelativeTimeFormat);
const lists = once<Intl.ListFormatOptions, Intl.ListFormat>("list", Intl.ListFormat);
const names = once<Intl.DisplayNamesOptions, Intl.DisplayNames>("names", Intl.DisplayNames as never);

const FORMATTERS = {
  getNumberFormat: numbers,
  getDateTimeFormat: dates,
  getPluralRules: plurals,
} as unknown as FormatOptions["formatters"];

export function number(value: number, options?: Intl.NumberFormatOptions): string {
  return numbers(locale, options).format(value);
}

export function date(value: Date, options: Intl.DateTimeFormatOptions): string {
  return dates(locale, options).format(value);
}

// A day by its distance from today: "yesterday".
export function daysFromNow(days: number): string {
  return relative(locale, { numeric: "auto" }).format(days, "day");
}

export function list(values: string[]): string {
  return lists(locale, { type: "conjunction" }).format(values);
}

export function languageName(code: string): string {
  return names(locale, { type: "language", fallback: "code" }).of(code) ?? code;
}
