// Which events an agent is notified of, and how. The choices are those of this browser.

import type { Conversation, Message } from "../types";

export const RULES = ["mine", "unassigned", "mentions"] as const;
export const SIGNALS = ["sound", "desktop", "favicon"] as const;

export type Rule = (typeof RULES)[number];
export type Signal = (typeof SIGNALS)[number];
export type Choices = Record<Rule | Signal, boolean>;

export const DEFAULTS: Choices = {
  mine: true,
  unassigned: false,
  mentions: true,
  sound: true,
  desktop: false,
  favicon: true,
};

// The rule for a message: only a customer's, of a conversation that is the user's own or nobody's.
export function ruleOf(
  { senderType, private: isPrivate }: Pick<Message, "senderType" | "private">,
  { assignedTo }: Pick<Conversation, "assignedTo">,
  userId: string,
): Exclude<Rule, "mentions"> | null {
  if (senderType !== "customer" || isPrivate) return null;
  if (assignedTo === undefined) return "unassigned";
  return assignedTo === userId ? "mine" : null;
}

// Stored choices, with the defaults for what is missing or malformed.
export function parseChoices(stored: string | null): Choices {
  let found: unknown;
  try {
    found = JSON.parse(stored ?? "{}");
  } catch {
    found = {};
  }
  const given = (typeof found === "object" && found !== null ? found : {}) as Partial<Record<string, unknown>>;
  const choices = Object.entries(DEFAULTS).map(([name, fallback]) => {
    const value = given[name];
    return [name, typeof value === "boolean" ? value : fallback];
  });
  return Object.fromEntries(choices) as Choices;
}
