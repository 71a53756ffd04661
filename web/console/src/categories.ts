// The categories and tags of messages: the built-in ones, or those that the account has named itself.

import type { CategoryNames } from "@hummdesk/client";
import { t } from "@hummdesk/texts";

const BUILT_IN = [
  "account_access",
  "billing",
  "refund_cancellation",
  "order_shipping",
  "technical",
  "sales",
  "complaint_feedback",
  "fraud_security",
  "appointments",
  "privacy_legal",
  "how_to",
  "general",
] as const;

type BuiltIn = (typeof BUILT_IN)[number];

export const GENERAL: BuiltIn = "general";

// Without own categories, and before they are loaded.
export const DEFAULT: CategoryNames = { enabled: false, categories: [], tags: [] };

// Those that a message may have now.
export function keysOf({ enabled, categories }: CategoryNames): string[] {
  return enabled ? [...categories.map(({ key }) => key), GENERAL] : [...BUILT_IN];
}

// Messages keep the category that they had: it may be one of the built-in ones, or one that does not exist any more.
export function categoryName(names: CategoryNames, key: string): string {
  return knownName(names, key) ?? key;
}

export function knownName({ categories }: CategoryNames, key: string): string | undefined {
  const own = categories.find((one) => one.key === key);
  if (own) return own.name;
  return isBuiltIn(key) ? t(`common.category.${key}`) : undefined;
}

// Built-in tags, and those that do not exist any more, have no name.
export function tagName({ tags }: CategoryNames, key: string): string {
  return tags.find((one) => one.key === key)?.name ?? key;
}

function isBuiltIn(key: string): key is BuiltIn {
  return (BUILT_IN as readonly string[]).includes(key);
}
