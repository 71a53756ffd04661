import type { ProactiveRule } from "@hummdesk/client/rest";

/** At most one message a day, however many rules there are. */
export const PAUSE_MS = 86_400_000;

export interface Visit {
  path: string;
  isReturning: boolean;
  /** When each message was shown, by its text, in milliseconds since 1970. */
  shown: Partial<Record<string, number>>;
  now: number;
}

/** Return the message of the first rule that applies, in the language of the page or else in any, and its delay. */
export function proactiveFor(
  rules: readonly ProactiveRule[],
  language: "en" | "de",
  { path, isReturning, shown, now }: Visit,
): { text: string; delayMs: number } | undefined {
  if (Object.values(shown).some((at) => now - (at ?? 0) < PAUSE_MS)) return undefined;
  for (const { page = "/", visitors = "all", afterSeconds = 0, texts } of rules) {
    const text = texts[language] ?? texts.en ?? texts.de ?? "";
    const isMeant = visitors === "all" || (visitors === "returning") === isReturning;
    if (text !== "" && isMeant && path.startsWith(page) && shown[text] === undefined)
      return { text, delayMs: afterSeconds * 1000 };
  }
  return undefined;
}
