// Where an answer or a note is written, with the AI's draft above it.

import { useEffect, useRef, useState } from "preact/hooks";
import { DraftCard } from "./ai";
import { attachmentOf, type Composition } from "./composition";
import { Icon } from "./icons";
import { IconButton } from "./parts";
import type { Thread } from "./thread";
import { useDesk } from "./use";

const LONGEST = 10_000;

export function Composer({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const desk = useDesk();
  const written = desk.compositionOf(conversationId);
  const field = useRef<HTMLTextAreaElement>(null);
  const change = (more: Partial<Composition>) => desk.compose(conversationId, more);

  useEffect(() => fit(field.current), [written.text, conversationId]);

  const send = () => {
    const content = written.text.trim();
    if (!content || content.length > LONGEST) return;
    const { isNote, attachments, basedOnSeq } = written;
    const based = basedOnSeq !== undefined && !isNote ? { basedOnSeq } : {};
    desk.connection.stopTyping(conversationId);
    desk.write({ conversationId, content, private: isNote, attachments, ...based });
    desk.compose(conversationId, null);
    field.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape") field.current?.blur();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <footer class={`composer ${written.isNote ? "is-note" : ""}`}>
      <DraftCard thread={thread} conversationId={conversationId} focus={() => field.current?.focus()} />
      <div class="composer-box">
        <fieldset class="composer-modes" aria-label="What you write">
          <button type="button" aria-pressed={!written.isNote} onClick={() => change({ isNote: false })}>
            <Icon name="reply" /> Reply
          </button>
          <button type="button" aria-pressed={written.isNote} onClick={() => change({ isNote: true })}>
            <Icon name="note" /> Note
          </button>
          {written.basedOnSeq !== undefined && !written.isNote && <span class="from-draft">From the AI’s draft</span>}
        </fieldset>
        <textarea
          ref={field}
          id="composer"
          rows={2}
          value={written.text}
          placeholder={written.isNote ? "Only your colleagues see this" : "Write a reply"}
          aria-label={written.isNote ? "Private note" : "Reply"}
          onInput={(event) => {
            change({ text: event.currentTarget.value });
            if (event.currentTarget.value === "") desk.connection.stopTyping(conversationId);
            else if (!written.isNote) desk.connection.type(conversationId);
          }}
          onBlur={() => desk.connection.stopTyping(conversationId)}
          onKeyDown={press}
        />
        <Attached written={written} change={change} />
        <div class="composer-foot">
          <AttachLink add={(one) => change({ attachments: [...written.attachments, one] })} />
          <span class={`count ${written.text.length > LONGEST ? "over" : ""}`} aria-live="polite">
            {written.text.length > LONGEST - 500 ? `${written.text.length} of ${LONGEST}` : ""}
          </span>
          <button
            type="button"
            class="primary"
            onClick={send}
            disabled={!written.text.trim() || written.text.length > LONGEST}
          >
            {written.isNote ? "Add note" : "Send"}
            <Icon name="send" />
          </button>
        </div>
      </div>
    </footer>
  );
}

// As high as its text, up to what the style sheet allows.
function fit(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

function Attached({ written, change }: { written: Composition; change: (more: Partial<Composition>) => void }) {
  if (written.attachments.length === 0) return null;
  return (
    <ul class="plain attachments">
      {written.attachments.map((file) => (
        <li key={file.url} class="attachment">
          <Icon name="link" /> {file.filename}
          <IconButton
            icon="close"
            label={`Remove ${file.filename}`}
            onClick={() => change({ attachments: written.attachments.filter((one) => one !== file) })}
          />
        </li>
      ))}
    </ul>
  );
}

function AttachLink({ add }: { add: (one: Composition["attachments"][number]) => void }) {
  const [address, setAddress] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (address === "") field.current?.focus();
  }, [address === null]);
  if (address === null)
    return <IconButton icon="link" label="Attach a file by its address" onClick={() => setAddress("")} />;
  const attachment = attachmentOf(address);
  const attach = () => {
    if (!attachment) return;
    add(attachment);
    setAddress(null);
  };
  return (
    <span class="attach">
      <input
        ref={field}
        type="url"
        placeholder="https://…"
        aria-label="Address of the file"
        aria-invalid={address !== "" && !attachment}
        maxLength={2048}
        value={address}
        onInput={(event) => setAddress(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") attach();
          else if (event.key === "Escape") setAddress(null);
          else return;
          event.preventDefault();
        }}
      />
      <button type="button" class="quiet" onClick={attach} disabled={!attachment}>
        Attach
      </button>
      <IconButton icon="close" label="Attach nothing" onClick={() => setAddress(null)} />
    </span>
  );
}
