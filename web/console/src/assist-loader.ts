// Loads the translation and rewriting of texts with the first open conversation.

import { load } from "@hummdesk/texts";
import { lazily } from "./lazy";

async function loaded() {
  const [parts] = await Promise.all([import("./assist/main"), load("assist")]);
  return parts;
}

export const AssistMenu = lazily(async () => (await loaded()).AssistMenu);
export const Translation = lazily(async () => (await loaded()).Translation);
