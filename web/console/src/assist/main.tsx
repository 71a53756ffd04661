// Translating messages, and translating or rewriting a reply before it is sent. Loaded with the first open conversation.

import type { AIAssist, Assistance, RequestAssist } from "@hummdesk/client";
import { languageName, language as ownLanguage, t } from "@hummdesk/texts";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { type Choice, Menu } from "../components/menu";
import { cost } from "../format";
import { useComposition, useStore } from "../state/context";
import type { Store } from "../state/store";
import type { Thread } from "../state/thread";
import type { Message } from "../types";
import { replaceText } from "./replacement";
import { request, useAssistance } from "./request";
import "./assist.css";

const REWRITES = ["shorter", "friendlier", "formal"] as const;

type Wanted = Omit<RequestAssist, "conversationId">;
type Language = Assistance["languages"][number];

// Beside the reply that is being written.
export function AssistMenu({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const { text, isNote } = useComposition(conversationId);
  const assistance = useAssistance();
  const { isBusy, status, run } = useRequest(store, conversationId);
  const [isChoosing, setChoosing] = useState(false);
  const root = useRef<HTMLSpanElement>(null);
  if (isNote || !assistance) return null;
  const rewrite = (wanted: Wanted) =>
    run({ ...wanted, text }, ({ text: result }) => {
      if (store.compositionOf(conversationId).text !== text) return t("assist.changed");
      replaceText(store, conversationId, result);
      return undefined;
    });
  const returnFocus = () => root.current?.querySelector("button")?.focus();
  const theirs = assistance.languages.find((one) => one === thread.classification?.classification.language);
  const choices: Choice[] = REWRITES.map((kind) => ({
    label: t(`assist.${kind}`),
    choose: () => void rewrite({ kind }),
  }));
  if (theirs)
    choices.push({
      label: t("assist.translateInto", { language: languageName(theirs) }),
      choose: () => void rewrite({ kind: "translate", language: theirs }),
    });
  choices.push({ label: t("assist.otherLanguage"), choose: () => setChoosing(true) });
  const isIdle = assistance.available && !text.trim();
  return (
    <span class="assist" ref={root}>
      <Menu
        class="icon-button"
        label={t(isIdle ? "assist.writeFirst" : "assist.menu")}
        disabled={isIdle}
        opensBy="assist"
        choices={allowed(assistance, choices, isBusy)}
      >
        <Icon name="spark" />
      </Menu>
      {isChoosing && (
        <LanguageChoice
          languages={assistance.languages}
          choose={(language) => {
            returnFocus();
            void rewrite({ kind: "translate", language });
          }}
          cancel={returnFocus}
          close={() => setChoosing(false)}
        />
      )}
      <small role="status">{status}</small>
    </span>
  );
}

// Arrow keys change the language at once in some browsers: the button confirms it. Closes when it loses the focus.
function LanguageChoice(props: {
  languages: Language[];
  choose: (language: Language) => void;
  cancel: () => void;
  close: () => void;
}) {
  const [language, setLanguage] = useState("");
  const field = useRef<HTMLSelectElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="assist"
      onSubmit={(event) => {
        event.preventDefault();
        if (language) props.choose(language as Language);
      }}
      onFocusOut={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget as Node | null)) props.close();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        props.cancel();
      }}
    >
      <select
        ref={field}
        aria-label={t("assist.language")}
        value={language}
        onChange={(event) => setLanguage(event.currentTarget.value)}
      >
        <option value="">{t("assist.language")}</option>
        {byName(props.languages).map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
      <button
        type="submit"
        class="quiet"
        disabled={!language}
        onMouseDown={(event) => event.preventDefault()} // the field keeps the focus, also where buttons take none
      >
        {t("assist.translate")}
      </button>
    </form>
  );
}

// Beside a message of the customer.
export function Translation({ message }: { message: Message }) {
  const store = useStore();
  const assistance = useAssistance();
  const [translated, show] = useState<{ text: string; language: Language }>();
  const { conversationId, messageId } = message;
  const { isBusy, status, run } = useRequest(store, conversationId);
  if (!assistance) return null;
  const choices = languagesOfReader(assistance).map((language) => ({
    label: t("assist.translateInto", { language: languageName(language) }),
    choose: () =>
      void run({ kind: "translate", messageId, language }, ({ text }) => {
        show({ text, language });
        return undefined;
      }),
  }));
  return (
    <>
      <div class="message-menu">
        <Menu
          class="icon-button"
          label={t("assist.translate")}
          opensBy="translate"
          choices={allowed(assistance, choices, isBusy)}
        >
          <Icon name="spark" />
        </Menu>
      </div>
      {translated && (
        <div class="translation" dir="auto" lang={translated.language}>
          {translated.text}
        </div>
      )}
      <small class="assist-status" role="status">
        {status}
      </small>
    </>
  );
}

// Runs one request at a time and shows its outcome. `use` returns the reason if the result is not used.
function useRequest(store: Store, conversationId: string) {
  const [isBusy, setBusy] = useState(false);
  const [status, setStatus] = useState("");
  const isRunning = useRef(false);
  const run = async (wanted: Wanted, use: (result: AIAssist) => string | undefined) => {
    if (isRunning.current) return;
    isRunning.current = true;
    setBusy(true);
    setStatus(t("assist.running"));
    let shown = "";
    await store.attempt(async () => {
      const result = await request(store, { ...wanted, conversationId });
      shown = result ? [use(result), result.cost && cost(result.cost)].filter(Boolean).join(" ") : t("assist.failed");
    });
    isRunning.current = false;
    setStatus(shown);
    setBusy(false);
  };
  return { isBusy, status, run };
}

// The choices as they are, or greyed with the reason.
function allowed({ available, reason }: Assistance, choices: Choice[], isBusy: boolean): Choice[] {
  if (available && !isBusy) return choices;
  const detail = t(available ? "assist.running" : `assist.${reason ?? "no_model"}`);
  return choices.map((choice) => ({ ...choice, detail, isDisabled: true }));
}

// The language of the texts first, then the others of the browser.
function languagesOfReader({ languages }: Assistance): Language[] {
  const wanted = [ownLanguage, ...navigator.languages.map((tag) => tag.split("-")[0])];
  return [...new Set(wanted.flatMap((wish) => languages.filter((one) => one === wish)))];
}

function byName(codes: Language[]): [Language, string][] {
  const named = codes.map((code): [Language, string] => [code, languageName(code)]);
  return named.sort(([, a], [, b]) => a.localeCompare(b));
}
