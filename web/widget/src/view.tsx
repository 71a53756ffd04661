import { type Activity, linkTo, type Message, nodesOf, type PendingMessage } from "@hummdesk/client";
import { date, t } from "@hummdesk/texts";
import { createElement, Fragment, type VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat.js";
import type { Look } from "./look.js";
import { explain, noticesOf } from "./notices.js";
import { Rating } from "./rating.js";

/** `title`: what the page says, in place of the account. */
export function Widget({ chat, look, title }: { chat: Chat; look: Look; title: string | undefined }) {
  const [, redraw] = useState(0);
  const launcher = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    chat.changed = () => redraw((count) => count + 1);
    chat.changed();
  }, [chat]);
  const close = () => {
    chat.close();
    launcher.current?.focus();
  };
  return (
    <>
      {chat.isOpen && <Panel chat={chat} look={look} title={title ?? look.title ?? t("widget.title")} close={close} />}
      <button
        type="button"
        class="launcher"
        ref={launcher}
        aria-expanded={chat.isOpen}
        aria-label={chat.isOpen ? t("widget.closeChat") : t("widget.openChat", { unread: chat.unread })}
        onClick={() => (chat.isOpen ? close() : chat.open())}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d={chat.isOpen ? "M6 6l12 12M18 6L6 18" : "M4 5h16v11H9l-5 4z"} />
        </svg>
        {chat.unread > 0 && <span class="count">{chat.unread}</span>}
      </button>
    </>
  );
}

function Panel({ chat, look, title, close }: { chat: Chat; look: Look; title: string; close: () => void }) {
  const writer = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => writer.current?.focus(), []);
  const notices = noticesOf(chat);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return (
    <section class="panel" role="dialog" aria-label={title} onKeyDown={onKeyDown}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label={t("widget.closeChat")} onClick={close}>
          ✕
        </button>
      </header>
      {notices.length > 0 && (
        <div class="notice" role="status">
          {notices.map((notice) => (
            <p key={notice}>{notice}</p>
          ))}
        </div>
      )}
      <Messages chat={chat} greeting={look.greeting ?? t("widget.hello")} />
      {chat.isClosed && <Rating chat={chat} />}
      <Composer chat={chat} writer={writer} />
    </section>
  );
}

function Messages({ chat, greeting }: { chat: Chat; greeting: string }) {
  const log = useRef<HTMLDivElement>(null);
  const messages = chat.history?.messages ?? [];
  const texts = chat.newConversation?.texts ?? [];
  const waiting: Partial<PendingMessage>[] = [...chat.pending, ...texts.map((content) => ({ content }))];
  const last = messages.at(-1)?.seq ?? 0;
  const moves = chat.history?.activity.length ?? 0;
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [last, moves, waiting.length, chat.typist]);
  const readUpTo = chat.history?.readBy("agent") ?? 0;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <div class="messages" role="log" aria-label={t("widget.messages")} tabIndex={0} ref={log}>
      {chat.history?.hasMore && (
        <button type="button" class="plain" onClick={() => void chat.loadOlder()}>
          {t("widget.loadEarlier")}
        </button>
      )}
      {messages.length === 0 && waiting.length === 0 && <p class="hello">{greeting}</p>}
      {messages.map((message, n) => (
        <Fragment key={message.messageId}>
          <Joined lines={chat.history?.movesBefore(n)} />
          <Bubble message={message} isRead={message.seq <= readUpTo} />
        </Fragment>
      ))}
      <Joined lines={chat.history?.movesBefore(messages.length)} />
      {waiting.map((message, n) => (
        <div class="mine waiting" key={message.clientMessageId ?? n}>
          <p>{message.content}</p>
          {message.refusal ? (
            <button type="button" class="plain" onClick={() => chat.resend(message as PendingMessage)}>
              {t("widget.notSent", { reason: explain(message.refusal) })}
            </button>
          ) : (
            <small>{t("widget.waiting")}</small>
          )}
        </div>
      ))}
      {chat.typist && <p class="typing">{t("widget.typing", { name: chat.typist })}</p>}
    </div>
  );
}

/** The agents who have joined the conversation. */
function Joined({ lines = [] }: { lines: Activity[] | undefined }) {
  return (
    <>
      {lines.map(({ activityId, assignedToName: name }) => (
        <p class="joined" key={activityId}>
          {t("widget.joined", { name: name ?? t("widget.anAgent") })}
        </p>
      ))}
    </>
  );
}

function Bubble({ message, isRead }: { message: Message; isRead: boolean }) {
  const isOwn = message.senderType === "customer";
  const time = date(new Date(message.timestamp), { hour: "2-digit", minute: "2-digit" });
  return (
    <div class={isOwn ? "mine" : "theirs"}>
      {!isOwn && <small class="name">{message.senderName}</small>}
      <div class="text">{message.erased ? <em>{t("widget.erased")}</em> : nodesOf<VNode>(message, createElement)}</div>
      {message.attachments.map(({ url, filename }) => (
        <a key={url} {...linkTo(url)}>
          {filename}
        </a>
      ))}
      <small>
        {time}
        {isOwn && (
          <span role="img" class="tick" aria-label={isRead ? t("widget.read") : t("widget.sent")}>
            {isRead ? " ✓✓" : " ✓"}
          </span>
        )}
      </small>
    </div>
  );
}

function Composer({ chat, writer }: { chat: Chat; writer: { current: HTMLTextAreaElement | null } }) {
  const [text, setText] = useState("");
  const send = (event: Event) => {
    event.preventDefault();
    if (text.trim() === "") return;
    chat.write(text.trim());
    setText("");
    writer.current?.focus();
  };
  return (
    <form onSubmit={send}>
      <textarea
        ref={writer}
        rows={2}
        maxLength={10000}
        aria-label={t("widget.yourMessage")}
        placeholder={t("widget.yourMessage")}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          chat.type();
        }}
        onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event)}
      />
      <button type="submit">{t("widget.send")}</button>
    </form>
  );
}
