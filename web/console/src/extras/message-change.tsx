// Forms that edit or withdraw a message of one's own, in its place.

import { t } from "@hummdesk/texts";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatted, MAX_LENGTH } from "../composing";
import { useStore } from "../state/context";
import type { Store } from "../state/store";
import type { Message } from "../types";
import { markdownOf } from "./markdown-source";

export function MessageEditor({ message, close }: { message: Message; close: () => void }) {
  const store = useStore();
  const before = markdownOf(message);
  const [text, setText] = useState(before);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const trimmed = text.trim();
  const [isBusy, setBusy] = useState(false);
  const isUnfit = isBusy || trimmed === "" || trimmed.length > MAX_LENGTH;
  const save = async () => {
    if (isUnfit) return;
    setBusy(true);
    if (trimmed === before.trim() || (await edit(store, message, trimmed))) close();
    else setBusy(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && text === before) close();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void save();
  };
  return (
    <div class="message-change">
      <textarea
        ref={field}
        dir="auto"
        rows={3}
        value={text}
        aria-label={t("extras.message.editLabel")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="buttons">
        <button type="button" class="primary" disabled={isUnfit} onClick={() => void save()}>
          {t("extras.message.save")}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t("common.cancel")}
        </button>
      </div>
    </div>
  );
}

export function Withdrawal({ message, close }: { message: Message; close: () => void }) {
  const store = useStore();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const [isBusy, setBusy] = useState(false);
  const withdraw = async () => {
    const { conversationId, messageId } = message;
    setBusy(true);
    await store.attempt(async () => {
      await store.client.request("withdraw_message", { conversationId, messageId });
    });
    close();
  };
  return (
    <fieldset class="message-change" aria-label={t("extras.message.withdrawQuestion")} onKeyDown={onEscape(close)}>
      <p>{t("extras.message.withdrawQuestion")}</p>
      <div class="buttons">
        <button type="button" class="secondary danger" ref={button} disabled={isBusy} onClick={() => void withdraw()}>
          {t("console.message.withdraw")}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t("common.cancel")}
        </button>
      </div>
    </fieldset>
  );
}

// The key would close the conversation, too.
function onEscape(close: () => void) {
  return (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
}

function edit(store: Store, message: Message, text: string): Promise<boolean> {
  const { conversationId, messageId } = message;
  return store.attempt(async () => {
    await store.client.request("edit_message", { conversationId, messageId, ...formatted(text) });
  });
}
