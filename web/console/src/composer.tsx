// The field for replies and private notes, with the AI draft above it.

import { t } from "@hummdesk/texts";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { DraftCard } from "./ai";
import { AssistMenu } from "./assist-loader";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { formatByKey, formatted, MAX_LENGTH } from "./composing";
import { AttachLinkForm } from "./extras-loader";
import { AttachFile, fileTarget, isUploading, UploadList } from "./files";
import { canUndoInsertion, noticeUndo, undoInsertion } from "./insertion";
import { lazily } from "./lazy";
import type { Composition } from "./state/composition";
import { useComposition, useStore } from "./state/context";
import { mentionsIn } from "./state/mentions";
import type { Thread } from "./state/thread";
import { useSuggestions } from "./suggestions";
import type { Attachment } from "./types";

const EmojiPicker = lazily(async () => (await import("./emoji/picker")).EmojiPicker);

export function Composer({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const composition = useComposition(conversationId);
  const isWaiting = isUploading(store, conversationId);
  const field = useRef<HTMLTextAreaElement>(null);
  const change = (more: Partial<Composition>) => store.compose(conversationId, more);
  const suggestions = useSuggestions(field, store.conversation?.customer.name ?? "", composition.isNote);

  useLayoutEffect(() => fit(field.current), [composition.text, composition.isNote, conversationId]);
  useLayoutEffect(() => {
    const resized = new ResizeObserver(() => fit(field.current)); // with the window, or a phone's keyboard
    if (field.current) resized.observe(field.current);
    return () => resized.disconnect();
  }, []);

  const send = (isLast = false) => {
    const text = contentOf(composition);
    if (!text || text.length > MAX_LENGTH) return;
    if (isUploading(store, conversationId)) return store.showToast(t("console.files.uploading"));
    const { isNote, attachments, basedOnSeq, seenSeq } = composition;
    const mentions = isNote ? mentionsIn(text, store.agents.values()) : [];
    const basis = isNote ? {} : { basedOnSeq: basedOnSeq ?? seenSeq ?? thread.history.lastSeq };
    store.client.stopTyping(conversationId);
    const message = { conversationId, ...formatted(text), private: isNote, attachments, mentions, ...basis };
    if (!isNote) store.insertions.delete(conversationId); // a sent text cannot be taken back
    store.compose(conversationId, null);
    if (isLast) return store.closing.sendAndClose(message);
    store.send(message);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (suggestions.onKeyDown(event) || (field.current && formatByKey(event, field.current))) return;
    if (event.key === "Escape") field.current?.blur();
    const isLast = event.shiftKey && (event.ctrlKey || event.metaKey);
    if (event.key !== "Enter" || (event.shiftKey && !isLast) || event.isComposing) return;
    event.preventDefault();
    send(isLast);
  };
  return (
    <footer class={`composer ${composition.isNote ? "is-note" : ""}`}>
      <DraftCard thread={thread} conversationId={conversationId} />
      <div class="composer-box" {...fileTarget(store, conversationId)}>
        <fieldset class="composer-modes" aria-label={t("console.composer.messageType")}>
          <button type="button" aria-pressed={!composition.isNote} onClick={() => change({ isNote: false })}>
            <Icon name="reply" /> {t("console.composer.reply")}
          </button>
          <button type="button" aria-pressed={composition.isNote} onClick={() => change({ isNote: true })}>
            <Icon name="note" /> {t("console.composer.note")}
          </button>
          {composition.basedOnSeq !== undefined && !composition.isNote && (
            <span class="from-draft">{t("console.composer.fromDraft")}</span>
          )}
          {canUndoInsertion(store, conversationId) && (
            <button type="button" class="undo" onClick={() => undoInsertion(store, conversationId)}>
              {t("console.composer.undo")}
            </button>
          )}
        </fieldset>
        {suggestions.list}
        <div class="composer-field">
          <textarea
            ref={field}
            aria-autocomplete="list"
            {...suggestions.attributes}
            id="composer"
            dir="auto"
            rows={2}
            value={composition.text}
            placeholder={t(
              composition.isNote ? "console.composer.notePlaceholder" : "console.composer.replyPlaceholder",
            )}
            aria-label={t(composition.isNote ? "console.composer.privateNote" : "console.composer.reply")}
            onInput={(event) => {
              const text = event.currentTarget.value;
              change({ text, seenSeq: thread.history.lastSeq });
              noticeUndo(store, conversationId);
              if (text === "") store.client.stopTyping(conversationId);
              else store.client.type(conversationId, { isPrivate: store.compositionOf(conversationId).isNote });
              suggestions.update();
            }}
            onBlur={() => {
              store.client.stopTyping(conversationId);
              suggestions.close();
            }}
            onClick={suggestions.update}
            onKeyDown={onKeyDown}
          />
        </div>
        <Attachments composition={composition} change={change} />
        <UploadList conversationId={conversationId} />
        <div class="composer-foot">
          <EmojiButton field={field} />
          <AttachFile conversationId={conversationId} />
          <AttachLink add={(one) => change({ attachments: [...composition.attachments, one] })} />
          <AssistMenu key={conversationId} thread={thread} conversationId={conversationId} />
          <span class={`count ${composition.text.length > MAX_LENGTH ? "over" : ""}`} aria-live="polite">
            {composition.text.length > MAX_LENGTH - 500 &&
              t("console.composer.length", { length: composition.text.length, most: MAX_LENGTH })}
          </span>
          <button
            type="button"
            class="primary"
            onClick={() => send()}
            disabled={isWaiting || !contentOf(composition) || composition.text.length > MAX_LENGTH}
          >
            {t(composition.isNote ? "console.composer.addNote" : "console.composer.send")}
            <Icon name="send" />
          </button>
        </div>
      </div>
    </footer>
  );
}

// What is sent: the text, or the names of the files if there is none.
function contentOf({ text, attachments }: Composition): string {
  return text.trim() || attachments.map((file) => file.filename).join(", ");
}

// Fit the height to the text, up to the limit in the style sheet. The box around the field is a layout of its own, whose
// height changes with the number of lines only: a key has the browser lay out the field, and not the conversation above.
function fit(field: HTMLTextAreaElement | null): void {
  if (!field?.parentElement) return;
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
  field.parentElement.style.height = `${field.offsetHeight}px`;
}

function Attachments({
  composition,
  change,
}: {
  composition: Composition;
  change: (more: Partial<Composition>) => void;
}) {
  if (composition.attachments.length === 0) return null;
  return (
    <ul class="plain attachments">
      {composition.attachments.map((file) => (
        <li key={file.url} class="attachment">
          <Icon name="link" /> {file.filename}
          <IconButton
            icon="close"
            label={t("console.composer.remove", { filename: file.filename })}
            onClick={() => change({ attachments: composition.attachments.filter((one) => one !== file) })}
          />
        </li>
      ))}
    </ul>
  );
}

function EmojiButton({ field }: { field: RefObject<HTMLTextAreaElement | null> }) {
  const [isOpen, setOpen] = useState(false);
  const insert = (emoji: string) => {
    field.current?.focus();
    document.execCommand("insertText", false, emoji); // as if typed, so that the browser can undo it
  };
  return (
    <>
      <IconButton icon="smile" label={t("console.emoji.label")} onClick={() => setOpen(true)} />
      {isOpen && <EmojiPicker close={() => setOpen(false)} choose={insert} />}
    </>
  );
}

function AttachLink({ add }: { add: (one: Attachment) => void }) {
  const [isOpen, setOpen] = useState(false);
  if (isOpen) return <AttachLinkForm add={add} close={() => setOpen(false)} />;
  return <IconButton icon="link" label={t("console.composer.attachByUrl")} onClick={() => setOpen(true)} />;
}
