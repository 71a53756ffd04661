import { linkTo, type Message, nodesOf } from "@hummdesk/client";
import { createElement, type VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Talk } from "./talk.js";

const STATES: Record<string, string> = {
  connecting: "Connecting …",
  offline: "No connection. What you write is sent when it is back.",
};

export function Widget({ talk, title }: { talk: Talk; title: string }) {
  const [, draw] = useState(0);
  const launcher = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    talk.changed = () => draw((count) => count + 1);
    talk.changed();
  }, [talk]);
  const close = () => {
    talk.close();
    launcher.current?.focus();
  };
  const unread = talk.unread > 0 ? `, ${talk.unread} unread` : "";
  return (
    <>
      {talk.isOpen && <Panel talk={talk} title={title} close={close} />}
      <button
        type="button"
        class="launcher"
        ref={launcher}
        aria-expanded={talk.isOpen}
        aria-label={talk.isOpen ? "Close the chat" : `Open the chat${unread}`}
        onClick={() => (talk.isOpen ? close() : talk.open())}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d={talk.isOpen ? "M6 6l12 12M18 6L6 18" : "M4 5h16v11H9l-5 4z"} />
        </svg>
        {talk.unread > 0 && <span class="count">{talk.unread}</span>}
      </button>
    </>
  );
}

function Panel({ talk, title, close }: { talk: Talk; title: string; close: () => void }) {
  const writer = useRef<HTMLTextAreaElement>(null);
  useEffect(() => writer.current?.focus(), []);
  const notice = talk.problem ?? STATES[talk.state];
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return (
    <section class="panel" role="dialog" aria-label={title} onKeyDown={leave}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label="Close the chat" onClick={close}>
          ✕
        </button>
      </header>
      {notice && (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      <Messages talk={talk} />
      <Composer talk={talk} writer={writer} />
    </section>
  );
}

function Messages({ talk }: { talk: Talk }) {
  const log = useRef<HTMLDivElement>(null);
  const messages = talk.history?.messages ?? [];
  const letters = talk.letters;
  const beginning = talk.beginning?.texts ?? [];
  const last = messages.at(-1)?.seq ?? 0;
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [last, letters.length, beginning.length, talk.typist]);
  const readUpTo = talk.history?.readBy("agent") ?? 0;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <div class="messages" role="log" aria-label="Messages" tabIndex={0} ref={log}>
      {talk.history?.hasMore && (
        <button type="button" class="plain" onClick={() => void talk.loadOlder()}>
          Earlier messages
        </button>
      )}
      {messages.length === 0 && beginning.length === 0 && <p class="hello">Hello! How can we help you?</p>}
      {messages.map((message) => (
        <Bubble key={message.messageId} message={message} isRead={message.seq <= readUpTo} />
      ))}
      {letters.map((letter) => (
        <div class="mine waiting" key={letter.clientMessageId}>
          <p>{letter.content}</p>
          {letter.refusal ? (
            <button type="button" class="plain" onClick={() => talk.again(letter)}>
              Not sent: {letter.refusal.message}. Send again
            </button>
          ) : (
            <small>Waiting to be sent</small>
          )}
        </div>
      ))}
      {beginning.map((content, n) => (
        <div class="mine waiting" key={String(n)}>
          <p>{content}</p>
          <small>Waiting to be sent</small>
        </div>
      ))}
      {talk.typist && <p class="typing">{talk.typist} is typing …</p>}
    </div>
  );
}

function Bubble({ message, isRead }: { message: Message; isRead: boolean }) {
  const isMine = message.senderType === "customer";
  const time = new Date(message.timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return (
    <div class={isMine ? "mine" : "theirs"}>
      {!isMine && <small class="name">{message.senderName}</small>}
      <div class="text">{nodesOf<VNode>(message, createElement)}</div>
      {message.attachments.map(({ url, filename }) => (
        <a key={url} {...linkTo(url)}>
          {filename}
        </a>
      ))}
      <small>
        {time}
        {isMine && (
          <span role="img" class="tick" aria-label={isRead ? "Read" : "Sent"}>
            {isRead ? " ✓✓" : " ✓"}
          </span>
        )}
      </small>
    </div>
  );
}

function Composer({ talk, writer }: { talk: Talk; writer: { current: HTMLTextAreaElement | null } }) {
  const [text, setText] = useState("");
  const send = (event: Event) => {
    event.preventDefault();
    if (text.trim() === "") return;
    talk.write(text.trim());
    setText("");
    writer.current?.focus();
  };
  return (
    <form onSubmit={send}>
      <textarea
        ref={writer}
        rows={2}
        maxLength={10000}
        aria-label="Your message"
        placeholder="Your message"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          talk.type();
        }}
        onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event)}
      />
      <button type="submit">Send</button>
    </form>
  );
}
