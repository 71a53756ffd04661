import { t } from "@hummdesk/texts";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "./chat.js";
import { AttachButton, onPaste } from "./files.js";

const LARGEST_PX = 160;

/** The field for a message. It grows with its text. */
export function Composer({ chat }: { chat: Chat }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { draft } = chat;
  useLayoutEffect(() => {
    if (chat.takesFocus) field.current?.focus();
  }, []);
  useLayoutEffect(() => {
    if (!field.current) return;
    const { style } = field.current;
    style.height = "auto";
    const { scrollHeight, offsetHeight, clientHeight } = field.current;
    style.height = `${Math.min(scrollHeight + offsetHeight - clientHeight, LARGEST_PX)}px`;
  }, [draft]);
  const send = (event: Event) => {
    event.preventDefault();
    if (draft.trim() === "") return;
    chat.write(draft.trim());
    field.current?.focus();
  };
  return (
    <form class="composer" onSubmit={send}>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        maxLength={10000}
        enterkeyhint="send"
        aria-label={t("widget.yourMessage")}
        placeholder={t("widget.yourMessage")}
        value={draft}
        onPaste={onPaste(chat)}
        onInput={(event) => {
          chat.setDraft(event.currentTarget.value);
          chat.type();
        }}
        onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event)}
      />
      <AttachButton chat={chat} />
      <button type="submit">{t("widget.send")}</button>
    </form>
  );
}
