// Translating messages, and translating or rewriting a reply before it is sent. Loaded with the first open conversation.

import type { AIAssist, Assistance, RequestAssist } from "@hummdesk/client";
import { languageName, language as ownLanguage, t } from "@hummdesk/texts";
import { useRef, useState } from "preact/hooks";
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
  if (isNote || !assistance) return null;
  const rewrite = (wanted: Wanted) =>
    run({ ...wanted, text }, ({ text: result }) => {
      if (store.compositionOf(conversationId).text !== text) return t("assist.changed");
      replaceText(store, conversationId, result);
      return undefined;
    });
  const translate = (language: Language) => {
    setChoosing(false);
    void rewrite({ kind: "translate", language });
  };
  const theirs = assistance.languages.find((one) => one === thread.classification?.classification.language);
  const choices: Choice[] = REWRITES.map((kind) => ({
    label: t(`assist.${kind}`),
    choose: () => void rewrite({ kind }),
  }));
  if (theirs)
    choices.push({
      label: t("assist.translateInto", { language: languageName(theirs) }),
      choose: () => translate(theirs),
    });
  choices.push({ label: t("assist.otherLanguage"), choose: () => setChoosing(true) });
  const isIdle = assistance.available && !text.trim();
  return (
    <span class="assist">
      <Menu
        class="icon-button"
        label={t(isIdle ? "assist.writeFirst" : "assist.menu")}
        disabled={isBusy || isIdle}
        opensBy="assist"
        choices={allowed(assistance, choices)}
      >
        <Icon name="spark" />
      </Menu>
      {isChoosing && (
        <select
          ref={(field) => field?.focus()}
          aria-label={t("assist.language")}
          onChange={(event) => translate(event.currentTarget.value as Language)}
          onBlur={() => setChoosing(false)}
        >
          <option value="">{t("assist.language")}</option>
          {byName(assistance.languages).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      )}
      <small role="status">{status}</small>
    </span>
  );
}

// Beside a message of the customer.
export function Translation({ message }: { message: Message }) {
  const store = useStore();
  const assistance = useAssistance();
  const [translated, show] = useState<AIAssist>();
  const { conversationId, messageId } = message;
  const { isBusy, status, run } = useRequest(store, conversationId);
  if (!assistance) return null;
  const choices = languagesOfReader(assistance).map((language) => ({
    label: t("assist.translateInto", { language: languageName(language) }),
    choose: () =>
      void run({ kind: "translate", messageId, language }, (result) => {
        show(result);
        return undefined;
      }),
  }));
  return (
    <>
      <div class="message-menu">
        <Menu
          class="icon-button"
          label={t("assist.translate")}
          disabled={isBusy}
          opensBy="translate"
          choices={allowed(assistance, choices)}
        >
          <Icon name="spark" />
        </Menu>
      </div>
      {translated && (
        <div class="translation" dir="auto">
          {translated.text}
        </div>
      )}
      <small class="assist-status" role="status">
        {status}
      </small>
    </>
  );
}

// Runs one request at a time, and says what became of it. `use` returns why the result is not used.
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
function allowed({ available, reason }: Assistance, choices: Choice[]): Choice[] {
  if (available) return choices;
  const detail = t(`assist.${reason ?? "no_model"}`);
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
