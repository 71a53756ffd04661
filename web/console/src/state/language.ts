// The language of the page: the user's choice, which is stored in this browser, or that of the browser.

import { change, type Language, language, type Part, start } from "@hummdesk/texts";

const LANGUAGE_KEY = "hummdesk.language";

let render = () => {};

// Load the texts, then call `draw` now and after each change of the language.
export async function startTexts(part: Part, draw: () => void): Promise<void> {
  const chosen = localStorage.getItem(LANGUAGE_KEY);
  await start([...(chosen ? [chosen] : []), ...navigator.languages], part);
  render = draw;
  show();
}

export async function chooseLanguage(wanted: Language): Promise<void> {
  localStorage.setItem(LANGUAGE_KEY, wanted);
  await change(wanted);
  show();
}

function show(): void {
  document.documentElement.lang = language;
  render();
}
