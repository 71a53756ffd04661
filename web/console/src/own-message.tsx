// Editing and withdrawing one's own messages, for a limited time.

import { t } from "@hummdesk/texts";
import { useEffect, useRef, useState } from "preact/hooks";
import { Menu } from "./components/menu";
import { formatted, MAX_LENGTH } from "./composing";
import { useStore } from "./state/context";
import { markdownOf } from "./state/markdown";
import type { Store } from "./state/store";
import type { Message } from "./types";

export function OwnMessage({ message }: { message: Message }) {
  const store = useStore();
  const [mode, setMode] = useState<"edit" | "withdraw" | null>(null);
  const menu = useRef<HTMLDivElement>(null);
  const hasClosed = useRef(false);
  useEffect(() => {
    if (mode === null && hasClosed.current) menu.current?.querySelector("button")?.focus();
  }, [mode]);
  const close = () => {
    hasClosed.current = true;
    setMode(null);
  };
  if (message.erased) return null;
  if (mode === "edit") return <Editor message={message} close={close} />;
  if (mode === "withdraw") return <Withdrawal message={message} close={close} />;
  if (!isChangeable(store, message)) return null;
  const choose = (chosen: "edit" | "withdraw") => {
    if (isChangeable(store, message)) setMode(chosen);
    else store.showToast(t("console.message.tooLate", { minutes: store.inbox.messageChangeSeconds / 60 }));
  };
  return (
    <div class="message-menu" ref={menu}>
      <Menu
        class="icon-button"
        label={t("console.message.change")}
        choices={[
          { label: t("console.message.edit"), choose: () => choose("edit") },
          { label: t("console.message.withdraw"), choose: () => choose("withdraw") },
        ]}
      >
        <span aria-hidden="true">⋯</span>
      </Menu>
    </div>
  );
}

function Editor({ message, close }: { message: Message; close: () => void }) {
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
        aria-label={t("console.message.editLabel")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="buttons">
        <button type="button" class="primary" disabled={isUnfit} onClick={() => void save()}>
          {t("console.message.save")}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t("common.cancel")}
        </button>
      </div>
    </div>
  );
}

function Withdrawal({ message, close }: { message: Message; close: () => void }) {
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
    <fieldset class="message-change" aria-label={t("console.message.withdrawQuestion")} onKeyDown={onEscape(close)}>
      <p>{t("console.message.withdrawQuestion")}</p>
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

function isChangeable(store: Store, { timestamp }: Message): boolean {
  return store.canReply && Date.now() - Date.parse(timestamp) < store.inbox.messageChangeSeconds * 1000;
}
