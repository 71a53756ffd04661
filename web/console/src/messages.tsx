// The messages of the open conversation: history on scroll, delivery state, typing, and pending messages.

import type { PendingMessage } from "@hummdesk/client";
import { language, t } from "@hummdesk/texts";
import { Fragment, type RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { Moves } from "./activity";
import { Translation } from "./assist-loader";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { MessageContent } from "./components/message-content";
import { Refused } from "./extras-loader";
import { AttachmentLink } from "./files";
import { clock, day, fullTime, isSameDay, size } from "./format";
import { OwnMessage } from "./own-message";
import { useScrolling } from "./scrolling";
import { type Block, divide, inside, lastMoves, upTo } from "./state/blocks";
import { useStore } from "./state/context";
import type { Thread } from "./state/thread";
import type { Message } from "./types";

const NEAR_BLOCKS = 2;
const GROUP_MS = 5 * 60_000;

export function Messages({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const { history, reading } = thread;
  const pending = store.client.outbox.of(conversationId);
  const box = useScrolling(store, thread, pending.length);
  const blocks = useBlocks(thread);
  if (thread.state !== "ready") return <NotReady thread={thread} conversationId={conversationId} />;
  return (
    <div
      class="messages"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
      tabIndex={0}
      role="log"
      aria-label={t("console.messages.label")}
    >
      <div class="thread">
        {history.hasMore ? (
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
        {blocks.map((block, n) => (
          <Rows
            key={block.number}
            block={block}
            isFar={n < blocks.length - NEAR_BLOCKS}
            readSeq={upTo(block, history.readBy("customer"))}
            unreadSeq={inside(block, reading.firstUnreadSeq)}
            hitSeq={inside(block, reading.hitSeq)}
          />
        ))}
        <Moves lines={lastMoves(history)} />
        {pending.map((message) => (
          <Pending key={message.clientMessageId} message={message} />
        ))}
        <Typing thread={thread} />
      </div>
      <Arrivals box={box} thread={thread} />
    </div>
  );
}

function useBlocks(thread: Thread): Block[] {
  const { history } = thread;
  const last = useRef<Block[]>([]);
  last.current = useMemo(
    () => divide(history, last.current),
    [history, history.messages, history.activity, history.hasMore],
  );
  return last.current;
}

interface RowsProps {
  block: Block;
  // Whether the browser may skip its layout while it is out of view.
  isFar: boolean;
  readSeq: number;
  unreadSeq: number;
  hitSeq: number;
}

// A block of messages. It is rendered again only if something in it has changed, however many blocks there are.
function Rows({ block, isFar, readSeq, unreadSeq, hitSeq }: RowsProps) {
  const { me, agents, inbox } = useStore();
  const today = new Date().toDateString();
  const rows = useMemo(
    () =>
      block.messages.map((message, n) => (
        <Fragment key={message.seq}>
          <Moves lines={block.moves[n] ?? []} />
          <Article
            message={message}
            previous={block.messages[n - 1] ?? block.previous}
            isRead={readSeq >= message.seq}
            isFirstUnread={message.seq === unreadSeq}
            isHit={message.seq === hitSeq}
          />
        </Fragment>
      )),
    [block, readSeq, unreadSeq, hitSeq, me, agents, inbox.messageChangeSeconds, language, today],
  );
  return <div class={isFar ? "block far" : "block"}>{rows}</div>;
}

// A button to the messages that arrived below while the user reads further up.
function Arrivals({ box, thread }: { box: RefObject<HTMLDivElement | null>; thread: Thread }) {
  const { me } = useStore();
  const arrivals = thread.reading.arrivals(thread.history, me?.userId);
  const [first] = arrivals;
  if (!first) return null;
  const show = () => {
    box.current?.querySelector(`[data-seq="${first.seq}"]`)?.scrollIntoView({ block: "start" });
    box.current?.focus();
  };
  return (
    <button type="button" class="arrivals" onClick={show}>
      <Icon name="down" /> {t("console.messages.arrivals", { count: arrivals.length })}
    </button>
  );
}

function NotReady({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  if (thread.state === "loading")
    return (
      <div class="messages">
        <div class="thread" role="status" aria-label={t("console.messages.loading")}>
          {["", "mine", ""].map((side, n) => (
            <div key={String(n)} class={`skeleton bubble-skeleton ${side}`} aria-hidden="true" />
          ))}
        </div>
        {store.client.outbox.of(conversationId).map((message) => (
          <Pending key={message.clientMessageId} message={message} />
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

interface ArticleProps {
  message: Message;
  previous: Message | undefined;
  // Whether the customer has read it.
  isRead: boolean;
  isFirstUnread: boolean;
  // Whether it is what the user searched for.
  isHit: boolean;
}

function Article({ message, previous, isRead, isFirstUnread, isHit }: ArticleProps) {
  const store = useStore();
  const isNewDay = !previous || !isSameDay(previous.timestamp, message.timestamp);
  const isContinued =
    !isNewDay &&
    previous.senderId === message.senderId &&
    previous.private === message.private &&
    Date.parse(message.timestamp) - Date.parse(previous.timestamp) < GROUP_MS;
  const side = message.private ? "note" : message.senderType;
  const isOwn = message.senderId === store.me?.userId;
  const isMention = message.mentions?.includes(store.me?.userId ?? "") ?? false;
  return (
    <>
      {isNewDay && (
        <p class="day">
          <span>{day(message.timestamp)}</span>
        </p>
      )}
      {isFirstUnread && (
        <p class="day unread-line">
          <span>{t("console.messages.unreadLine")}</span>
        </p>
      )}
      <article
        class={`message ${side} ${isContinued ? "continued" : ""} ${isHit ? "hit" : ""} ${isMention ? "mentions-you" : ""}`}
        data-seq={message.seq}
        aria-label={`${message.senderName}, ${fullTime(message.timestamp)}`}
      >
        {!isContinued && (
          <header class="message-head">
            {side === "customer" && <Avatar name={message.senderName} />}
            <span class="message-sender">{isOwn ? t("console.you") : message.senderName}</span>
            {message.metadata.automatic === true && <span class="chip-text">{t("console.automatic")}</span>}
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
          <div class="content" dir="auto">
            <MessageContent message={message} />
          </div>
          <Attachments files={message.attachments} />
        </div>
        {message.revision && !message.erased && <small class="edited">{t("common.edited")}</small>}
        {isOwn && <OwnMessage message={message} />}
        {side === "customer" && message.content && store.canReply && (
          <Translation key={message.revision ?? 0} message={message} />
        )}
        {side === "agent" && !message.erased && <Ticks isRead={isRead} />}
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
          <AttachmentLink file={file} />
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
        <div class="content" dir="auto">
          <MessageContent message={{ content: message.content, contentType: message.contentType ?? "text" }} />
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
