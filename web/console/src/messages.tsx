// What has been said: history on scroll, days, notes, ticks, who is typing, and what waits to be sent.

import type { Letter } from "@hummdesk/client";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Content, Link } from "./content";
import { clock, day, fullTime, isSameDay, size } from "./format";
import { Icon } from "./icons";
import { Avatar, Empty } from "./parts";
import type { Thread } from "./thread";
import type { Message } from "./types";
import { useDesk } from "./use";

const NEAR_PX = 120;
const GROUP_MS = 5 * 60_000;

export function Messages({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const desk = useDesk();
  const letters = desk.connection.outbox.of(conversationId);
  const box = useScroll(thread, letters.length);
  if (thread.state !== "ready") return <NotYet thread={thread} conversationId={conversationId} />;
  return (
    <div
      class="messages"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by the keyboard
      tabIndex={0}
      role="log"
      aria-label="Messages"
      onScroll={(event) => event.currentTarget.scrollTop < NEAR_PX && void desk.older()}
    >
      {thread.history.hasMore ? (
        <button type="button" class="quiet older" onClick={() => void desk.older()} disabled={thread.isLoadingOlder}>
          {thread.isLoadingOlder ? "Loading …" : "Earlier messages"}
        </button>
      ) : (
        <p class="beginning">The beginning of this conversation</p>
      )}
      {thread.history.messages.map((message, n) => (
        <Said key={message.seq} message={message} before={thread.history.messages[n - 1]} thread={thread} />
      ))}
      {letters.map((letter) => (
        <Waiting key={letter.clientMessageId} letter={letter} />
      ))}
      <Typing thread={thread} />
    </div>
  );
}

// At the end as long as one was there; where one was when older messages come in above.
function useScroll(thread: Thread, waiting: number) {
  const box = useRef<HTMLDivElement>(null);
  const last = useRef({ thread: null as Thread | null, height: 0, first: 0, isAtEnd: true });
  const first = thread.history.firstSeq;
  const count = thread.history.messages.length + waiting + thread.typing.size;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const was = last.current;
    if (was.thread !== thread || was.isAtEnd) element.scrollTop = element.scrollHeight;
    else if (first < was.first) element.scrollTop += element.scrollHeight - was.height;
    last.current = { thread, height: element.scrollHeight, first, isAtEnd: was.thread !== thread || was.isAtEnd };
  }, [thread, thread.state, first, count]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const note = () => {
      last.current.isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      last.current.height = element.scrollHeight;
    };
    const resized = new ResizeObserver(() => {
      if (last.current.isAtEnd) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", note, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", note);
      resized.disconnect();
    };
  }, [thread, thread.state]);
  return box;
}

function NotYet({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const desk = useDesk();
  if (thread.state === "loading")
    return (
      <div class="messages" role="status" aria-label="Loading messages">
        {["", "mine", ""].map((side, n) => (
          <div key={String(n)} class={`skeleton bubble-skeleton ${side}`} aria-hidden="true" />
        ))}
      </div>
    );
  return (
    <div class="messages">
      <Empty icon="warn" title="This conversation could not be opened">
        <button type="button" class="secondary" onClick={() => void desk.join(conversationId)}>
          Try again
        </button>
      </Empty>
    </div>
  );
}

function Said({ message, before, thread }: { message: Message; before: Message | undefined; thread: Thread }) {
  const desk = useDesk();
  const isNewDay = !before || !isSameDay(before.timestamp, message.timestamp);
  const goesOn =
    !isNewDay &&
    before.senderId === message.senderId &&
    before.private === message.private &&
    Date.parse(message.timestamp) - Date.parse(before.timestamp) < GROUP_MS;
  const side = message.private ? "note" : message.senderType;
  const isMine = message.senderId === desk.me?.userId;
  return (
    <>
      {isNewDay && (
        <p class="day">
          <span>{day(message.timestamp)}</span>
        </p>
      )}
      <article
        class={`said ${side} ${goesOn ? "goes-on" : ""}`}
        aria-label={`${message.senderName}, ${fullTime(message.timestamp)}`}
      >
        {!goesOn && (
          <header class="said-head">
            {side === "customer" && <Avatar name={message.senderName} />}
            <span class="said-name">{isMine ? "You" : message.senderName}</span>
            {message.private && (
              <span class="said-note">
                <Icon name="note" /> Private note
              </span>
            )}
            <time dateTime={message.timestamp} title={fullTime(message.timestamp)}>
              {clock(message.timestamp)}
            </time>
          </header>
        )}
        <div class="bubble">
          <div class="content">
            <Content message={message} />
          </div>
          <Attachments files={message.attachments} />
        </div>
        {side === "agent" && <Ticks isRead={thread.history.readBy("customer") >= message.seq} />}
      </article>
    </>
  );
}

function Ticks({ isRead }: { isRead: boolean }) {
  const said = isRead ? "Read by the customer" : "Sent";
  return (
    <span class={`ticks ${isRead ? "read" : ""}`} title={said}>
      <Icon name={isRead ? "checks" : "check"} />
      <span class="hidden">{said}</span>
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

function Waiting({ letter }: { letter: Letter }) {
  const desk = useDesk();
  return (
    <article class={`said ${letter.private ? "note" : "agent"} waiting`} aria-label="Not sent yet">
      <div class="bubble">
        <div class="content">
          <Content message={{ content: letter.content, contentType: "text" }} />
        </div>
        <Attachments files={letter.attachments ?? []} />
      </div>
      {letter.refusal ? (
        <Conflict letter={letter} />
      ) : (
        <span class="ticks" role="status">
          <Icon name="clock" />
          {desk.isOnline ? "Sending …" : "Waits for the connection"}
        </span>
      )}
    </article>
  );
}

function Conflict({ letter }: { letter: Letter }) {
  const desk = useDesk();
  const missed = (letter.refusal?.details?.missed ?? []) as Message[];
  const isConflict = letter.refusal?.code === "CONFLICT";
  return (
    <div class="conflict" role="alert">
      <p class="conflict-said">
        <Icon name="warn" />{" "}
        {isConflict ? "Somebody else has answered meanwhile. Your reply was not sent." : letter.refusal?.message}
      </p>
      {missed.map((one) => (
        <blockquote key={one.seq}>
          <strong>{one.senderName}</strong> <Content message={one} />
        </blockquote>
      ))}
      <div class="buttons">
        <button type="button" class="secondary" onClick={() => desk.connection.outbox.again(letter)}>
          {isConflict ? "Send it all the same" : "Try again"}
        </button>
        <button type="button" class="quiet" onClick={() => desk.connection.outbox.discard(letter.clientMessageId)}>
          Discard
        </button>
      </div>
    </div>
  );
}

function Typing({ thread }: { thread: Thread }) {
  const names = [...thread.typing.values()].map((one) => one.name);
  const said = names.length > 1 ? `${names.length} people are typing` : `${names[0]} is typing`;
  return (
    <p class={`typing ${names.length ? "" : "nobody"}`} aria-live="polite">
      {names.length > 0 && (
        <>
          <span class="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {said}
        </>
      )}
    </p>
  );
}
