// The pages of the settings, in the order of their list. Their addresses are /settings/SECTION.

export const SECTIONS = [
  "people",
  "teams",
  "labels",
  "routing",
  "knowledge",
  "canned-replies",
  "ai",
  "simulations",
  "drafts",
  "automatic",
  "categories",
  "widget",
  "hours",
  "keys",
  "signing-keys",
  "webhooks",
  "sign-in",
  "account",
  "audit",
] as const;

export type Section = (typeof SECTIONS)[number];

export function settingsPath(section: Section, ...rest: string[]): string {
  return ["/settings", section, ...rest].join("/");
}
