// The messages of the open conversation: history on scroll, delivery state, typing, and pending messages.

import type { ErrorReport, PendingMessage } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { Fragment } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Moves } from "./activity";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { explain } from "./components/error-text";
import { Icon } from "./components/icon";
import { Link, MessageContent } from "./components/message-content";
import { clock, day, fullTime, isSameDay, size } from "./format";
import { insertText } from "./insertion";
import { useComposition, useStore } from "./state/context";
import type { Thread } from "./state/thread";
import type { Message } from "./types";

const NEAR_PX = 120;
const GROUP_MS = 5 * 60_000;

export function Messages({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const pending = store.client.outbox.of(conversationId);
  const box = useScroll(thread, pending.length);
  if (thread.state !== "ready") return <NotReady thread={thread} conversationId={conversationId} />;
  return (
    <div
      class="messages"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
      tabIndex={0}
      role="log"
      aria-label={t("console.messages.label")}
      onScroll={(event) => event.currentTarget.scrollTop < NEAR_PX && void store.loadOlder()}
    >
      {thread.history.hasMore ? (
        <button
          type="button"
          class="quiet older"
          onClick={() => void store.loadOlder()}
          disabled={thread.isLoadingOlder}
        >
          {t(thread.isLoadingOlder ? "console.messages.loadingEarlier" : "console.messages.loadEarlier")}
        </button>
      ) : (
        <p class="start">{t("console.messages.beginning")}</p>
      )}
      {thread.history.messages.map((message, n) => (
        <Fragment key={message.seq}>
          <Moves lines={thread.history.movesBefore(n)} />
          <Article message={message} previous={thread.history.messages[n - 1]} thread={thread} />
        </Fragment>
      ))}
      <Moves lines={thread.history.movesBefore(thread.history.messages.length)} />
      {pending.map((message) => (
        <Pending key={message.clientMessageId} message={message} />
      ))}
      <Typing thread={thread} />
    </div>
  );
}

// Stay at the end if the user was there; keep the position when older messages are added above.
function useScroll(thread: Thread, waiting: number) {
  const box = useRef<HTMLDivElement>(null);
  const last = useRef({ thread: null as Thread | null, height: 0, first: 0, isAtEnd: true });
  const first = thread.history.firstSeq;
  const count = thread.history.messages.length + thread.history.activity.length + waiting + thread.typing.size;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const previous = last.current;
    if (previous.thread !== thread || previous.isAtEnd) element.scrollTop = element.scrollHeight;
    else if (first < previous.first) element.scrollTop += element.scrollHeight - previous.height;
    last.current = {
      thread,
      height: element.scrollHeight,
      first,
      isAtEnd: previous.thread !== thread || previous.isAtEnd,
    };
  }, [thread, thread.state, first, count]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const onScroll = () => {
      last.current.isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      last.current.height = element.scrollHeight;
    };
    const resized = new ResizeObserver(() => {
      if (last.current.isAtEnd) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      resized.disconnect();
    };
  }, [thread, thread.state]);
  return box;
}

function NotReady({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  if (thread.state === "loading")
    return (
      <div class="messages" role="status" aria-label={t("console.messages.loading")}>
        {["", "mine", ""].map((side, n) => (
          <div key={String(n)} class={`skeleton bubble-skeleton ${side}`} aria-hidden="true" />
        ))}
      </div>
    );
  return (
    <div class="messages">
      <EmptyState icon="warn" title={t("console.messages.notOpened")}>
        <button type="button" class="secondary" onClick={() => void store.join(conversationId)}>
          {t("common.tryAgain")}
        </button>
      </EmptyState>
    </div>
  );
}

function Article({ message, previous, thread }: { message: Message; previous: Message | undefined; thread: Thread }) {
  const store = useStore();
  const isNewDay = !previous || !isSameDay(previous.timestamp, message.timestamp);
  const isContinued =
    !isNewDay &&
    previous.senderId === message.senderId &&
    previous.private === message.private &&
    Date.parse(message.timestamp) - Date.parse(previous.timestamp) < GROUP_MS;
  const side = message.private ? "note" : message.senderType;
  const isOwn = message.senderId === store.me?.userId;
  return (
    <>
      {isNewDay && (
        <p class="day">
          <span>{day(message.timestamp)}</span>
        </p>
      )}
      <article
        class={`message ${side} ${isContinued ? "continued" : ""}`}
        aria-label={`${message.senderName}, ${fullTime(message.timestamp)}`}
      >
        {!isContinued && (
          <header class="message-head">
            {side === "customer" && <Avatar name={message.senderName} />}
            <span class="message-sender">{isOwn ? t("console.you") : message.senderName}</span>
            {message.private && (
              <span class="message-note">
                <Icon name="note" /> {t("console.messages.privateNote")}
              </span>
            )}
            <time dateTime={message.timestamp} title={fullTime(message.timestamp)}>
              {clock(message.timestamp)}
            </time>
          </header>
        )}
        <div class="bubble">
          <div class="content">
            <MessageContent message={message} />
          </div>
          <Attachments files={message.attachments} />
        </div>
        {side === "agent" && <Ticks isRead={thread.history.readBy("customer") >= message.seq} />}
      </article>
    </>
  );
}

function Ticks({ isRead }: { isRead: boolean }) {
  const label = t(isRead ? "console.messages.read" : "console.messages.sent");
  return (
    <span class={`ticks ${isRead ? "read" : ""}`} title={label}>
      <Icon name={isRead ? "checks" : "check"} />
      <span class="hidden">{label}</span>
    </span>
  );
}

function Attachments({ files }: { files: Message["attachments"] }) {
  if (files.length === 0) return null;
  return (
    <ul class="plain attachments">
      {files.map((file) => (
        <li key={file.url} class="attachment">
          <Icon name="link" />
          <Link href={file.url}>{file.filename}</Link>
          <small>{[file.contentType, size(file.size)].filter(Boolean).join(", ")}</small>
        </li>
      ))}
    </ul>
  );
}

function Pending({ message }: { message: PendingMessage }) {
  const store = useStore();
  return (
    <article class={`message ${message.private ? "note" : "agent"} waiting`} aria-label={t("console.messages.notSent")}>
      <div class="bubble">
        <div class="content">
          <MessageContent message={{ content: message.content, contentType: "text" }} />
        </div>
        <Attachments files={message.attachments ?? []} />
      </div>
      {message.refusal ? (
        <Refused message={message} refusal={message.refusal} />
      ) : (
        <span class="ticks" role="status">
          <Icon name="clock" />
          {t(store.isOnline ? "console.messages.sending" : "console.messages.waiting")}
        </span>
      )}
    </article>
  );
}

function Refused({ message, refusal }: { message: PendingMessage; refusal: ErrorReport }) {
  const store = useStore();
  const missed = (refusal.details?.missed ?? []) as Message[];
  const isConflict = refusal.code === "CONFLICT";
  const { conversationId, content, attachments = [] } = message;
  const composition = useComposition(conversationId);
  const isWriting = composition.text.trim() !== "" || composition.attachments.length > 0;
  const edit = () => {
    store.client.outbox.discard(message.clientMessageId);
    const seenSeq = store.threads.get(conversationId)?.history.lastSeq ?? 0;
    insertText(store, conversationId, content, { attachments, seenSeq });
  };
  return (
    <div class="conflict" role="alert">
      <p class="conflict-text">
        <Icon name="warn" /> {isConflict ? t("console.messages.conflict") : explain(refusal)}
      </p>
      {missed.map((one) => (
        <blockquote key={one.seq}>
          <strong>{one.senderName}</strong> <MessageContent message={one} />
        </blockquote>
      ))}
      <div class="buttons">
        <button type="button" class="secondary" onClick={() => store.client.outbox.resend(message)}>
          {t(isConflict ? "console.messages.sendAnyway" : "common.tryAgain")}
        </button>
        {isConflict && (
          <button
            type="button"
            class="secondary"
            disabled={isWriting}
            title={isWriting ? t("console.messages.editBusy") : undefined}
            onClick={edit}
          >
            {t("console.messages.edit")}
          </button>
        )}
        <button type="button" class="quiet" onClick={() => store.client.outbox.discard(message.clientMessageId)}>
          {t("console.messages.discard")}
        </button>
      </div>
    </div>
  );
}

function Typing({ thread }: { thread: Thread }) {
  const names = [...thread.typing.values()].map((one) => one.name);
  const [name = "", second] = names;
  const label = second
    ? t("console.messages.typingMany", { count: names.length })
    : t("console.messages.typing", { name });
  return (
    <p class="typing" aria-live="polite">
      {names.length > 0 && (
        <>
          <span class="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {label}
        </>
      )}
    </p>
  );
}
