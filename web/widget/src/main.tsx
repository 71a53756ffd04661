import type { WidgetLook } from "@hummdesk/client/rest";
import { language as currentLanguage, start } from "@hummdesk/texts";
import { render } from "preact";
import { Chat } from "./chat.js";
import { Look } from "./look.js";
import { proactiveFor } from "./proactive.js";
import { Sound } from "./sound.js";
import { WidgetStorage } from "./storage.js";
import style from "./style.css?inline";
import { Widget } from "./view.js";
import { followViewport } from "./viewport.js";
import { type Identity, Visitor } from "./visitor.js";

declare global {
  interface Window {
    HummDesk?: ReturnType<typeof install>;
  }
}

/**
 * Add the widget to the page and return its API, `window.HummDesk`. It appears once the texts of its language are there:
 * `data-language`, else the language of the page, else of the browser.
 *
 * Usage: `<script src="https://desk.example/widget.js" data-account="…" data-title="…" defer></script>`
 */
function install(script: HTMLScriptElement, account: string) {
  const server = new URL(script.src).origin;
  const host = document.createElement("hummdesk-widget");
  const look = new Look(host, script.dataset);
  const storage = new WidgetStorage(`hummdesk.${account}.`);
  const visitor = new Visitor(server, account, storage, (chosen) => look.apply(chosen));
  const chat = new Chat(server, visitor);
  const sound = new Sound(storage);
  look.changed = () => chat.changed();
  chat.onArrival = () => sound.play();
  const visit = () => {
    if (look.chosen.recordPages) chat.visit();
  };
  chat.onSession = visit;
  followViewport(host);
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet, look.sheet];
  const { language = "", title } = script.dataset;
  const show = () => {
    void visitor.loadLook().then(() => {
      const onPage = () => {
        propose(chat, storage, look.chosen);
        visit();
      };
      onPage();
      onNavigation(onPage);
    });
    host.lang = currentLanguage;
    render(<Widget chat={chat} look={look} sound={sound} title={title} />, root);
    document.body.append(host);
  };
  void start([language, document.documentElement.lang, ...navigator.languages], "widget", server).then(() => {
    if (document.body) show();
    else document.addEventListener("DOMContentLoaded", show);
  });
  return {
    open: () => chat.open(),
    close: () => chat.close(),
    /** Sign the visitor in as a customer: a token that the host's own server has signed, or a function returning one. */
    identify: (identity: Identity) => chat.identify(identity),
    /** Sign the visitor out and delete all stored data of the visitor. */
    logout: () => chat.logout(),
    /** Call `listener` now and at each change with the number of unread messages. */
    onUnread: (listener: (count: number) => void) => {
      chat.onUnread = listener;
      listener(chat.unread);
    },
  };
}

/** Call `changed` when the page has another path without being loaded anew, in browsers with the Navigation API. */
function onNavigation(changed: () => void): void {
  let path = location.pathname;
  window.navigation?.addEventListener("currententrychange", () => {
    if (location.pathname === path) return;
    path = location.pathname;
    changed();
  });
}

let proposal = 0;

/** Show the first proactive message that applies to this page, each once. */
function propose(chat: Chat, storage: WidgetStorage, { proactive = [] }: WidgetLook): void {
  const isReturning = storage.readForTab("returning") ?? String(storage.read("visited") !== null);
  storage.writeForTab("returning", isReturning);
  storage.write("visited", "1");
  const shown = storage.readObject<Record<string, number>>("proactive");
  clearTimeout(proposal); // of the page before
  const visit = { path: location.pathname, isReturning: isReturning === "true", shown, now: Date.now() };
  const found = proactiveFor(proactive, currentLanguage, visit);
  if (!found) return;
  proposal = window.setTimeout(async () => {
    const isShown = await chat.propose(found.text);
    if (isShown) storage.write("proactive", JSON.stringify({ ...shown, [found.text]: Date.now() }));
  }, found.delayMs);
}

const script = document.currentScript;
const account = script instanceof HTMLScriptElement ? script.dataset.account : undefined;
if (!(script instanceof HTMLScriptElement) || !account)
  console.error("HummDesk: the script element has no data-account attribute");
else window.HummDesk ??= install(script, account);
