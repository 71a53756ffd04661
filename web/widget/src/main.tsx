import { render } from "preact";
import style from "./style.css?inline";
import { Talk } from "./talk.js";
import { Widget } from "./view.js";
import { type Identity, Visit } from "./visit.js";

declare global {
  interface Window {
    HummDesk?: ReturnType<typeof install>;
  }
}

/** `<script src="https://desk.example/widget.js" data-account="…" data-title="…">` */
function install(script: HTMLScriptElement, account: string) {
  const desk = new URL(script.src).origin;
  const talk = new Talk(desk, new Visit(desk, account));
  const host = document.createElement("hummdesk-widget");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  render(<Widget talk={talk} title={script.dataset.title ?? "Chat with us"} />, root);
  const show = () => document.body.append(host);
  if (document.body) show();
  else document.addEventListener("DOMContentLoaded", show);
  return {
    open: () => talk.open(),
    close: () => talk.close(),
    /** The visitor is this customer: a token that the host's own server has signed, or what gets one. */
    identify: (identity: Identity) => talk.identify(identity),
    /** Nobody is known here any more; whoever comes next is somebody else. */
    logout: () => talk.logout(),
    onUnread: (listener: (count: number) => void) => {
      talk.onUnread = listener;
      listener(talk.unread);
    },
  };
}

const script = document.currentScript;
const account = script instanceof HTMLScriptElement ? script.dataset.account : undefined;
if (!(script instanceof HTMLScriptElement) || !account) console.error("HummDesk: the script needs data-account");
else window.HummDesk ??= install(script, account);
