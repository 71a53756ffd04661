// The field for replies and private notes, with the AI draft above it.

import { useEffect, useRef, useState } from "preact/hooks";
import { DraftCard } from "./ai";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { attachmentOf, type Composition } from "./state/composition";
import { useStore } from "./state/context";
import type { Thread } from "./state/thread";

const MAX_LENGTH = 10_000;

export function Composer({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const composition = store.compositionOf(conversationId);
  const field = useRef<HTMLTextAreaElement>(null);
  const change = (more: Partial<Composition>) => store.compose(conversationId, more);

  useEffect(() => fit(field.current), [composition.text, conversationId]);

  const send = () => {
    const content = composition.text.trim();
    if (!content || content.length > MAX_LENGTH) return;
    const { isNote, attachments, basedOnSeq } = composition;
    const basis = basedOnSeq !== undefined && !isNote ? { basedOnSeq } : {};
    store.client.stopTyping(conversationId);
    store.send({ conversationId, content, private: isNote, attachments, ...basis });
    store.compose(conversationId, null);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") field.current?.blur();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <footer class={`composer ${composition.isNote ? "is-note" : ""}`}>
      <DraftCard thread={thread} conversationId={conversationId} focus={() => field.current?.focus()} />
      <div class="composer-box">
        <fieldset class="composer-modes" aria-label="Message type">
          <button type="button" aria-pressed={!composition.isNote} onClick={() => change({ isNote: false })}>
            <Icon name="reply" /> Reply
          </button>
          <button type="button" aria-pressed={composition.isNote} onClick={() => change({ isNote: true })}>
            <Icon name="note" /> Note
          </button>
          {composition.basedOnSeq !== undefined && !composition.isNote && (
            <span class="from-draft">Based on the AI draft</span>
          )}
        </fieldset>
        <textarea
          ref={field}
          id="composer"
          rows={2}
          value={composition.text}
          placeholder={composition.isNote ? "Visible to your colleagues only" : "Write a reply"}
          aria-label={composition.isNote ? "Private note" : "Reply"}
          onInput={(event) => {
            change({ text: event.currentTarget.value });
            if (event.currentTarget.value === "") store.client.stopTyping(conversationId);
            else store.client.type(conversationId, { isPrivate: composition.isNote });
          }}
          onBlur={() => store.client.stopTyping(conversationId)}
          onKeyDown={onKeyDown}
        />
        <Attachments composition={composition} change={change} />
        <div class="composer-foot">
          <AttachLink add={(one) => change({ attachments: [...composition.attachments, one] })} />
          <span class={`count ${composition.text.length > MAX_LENGTH ? "over" : ""}`} aria-live="polite">
            {composition.text.length > MAX_LENGTH - 500 ? `${composition.text.length} of ${MAX_LENGTH}` : ""}
          </span>
          <button
            type="button"
            class="primary"
            onClick={send}
            disabled={!composition.text.trim() || composition.text.length > MAX_LENGTH}
          >
            {composition.isNote ? "Add note" : "Send"}
            <Icon name="send" />
          </button>
        </div>
      </div>
    </footer>
  );
}

// Fit the height to the text, up to the limit in the style sheet.
function fit(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
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
            label={`Remove ${file.filename}`}
            onClick={() => change({ attachments: composition.attachments.filter((one) => one !== file) })}
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
  if (address === null) return <IconButton icon="link" label="Attach a file by URL" onClick={() => setAddress("")} />;
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
        aria-label="File URL"
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
      <IconButton icon="close" label="Cancel attachment" onClick={() => setAddress(null)} />
    </span>
  );
}
