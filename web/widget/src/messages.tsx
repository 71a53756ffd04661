import { type Activity, type Message, nodesOf, type PendingMessage } from "@hummdesk/client";
import { date, daysFromNow, number, t } from "@hummdesk/texts";
import { createElement, Fragment, type VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat.js";
import { daysBetween, isOtherDay } from "./days.js";
import { FileView } from "./files.js";
import { explain } from "./notices.js";
import { isAtEnd, type Scrolled, scrolledTo, topAfter } from "./scrolling.js";

const KIB = 1024;
/** Between the top and the line above the first unread message. */
const ABOVE_PX = 40;

/** The messages of the conversation that is shown. Made anew for each conversation, by its key. */
export function Messages({ chat, greeting }: { chat: Chat; greeting: string }) {
  const { history, pending, newConversation } = chat;
  const messages = history?.messages ?? [];
  const texts = (chat.conversationId === undefined && newConversation?.texts) || [];
  const waiting: Partial<PendingMessage>[] = [...pending, ...texts.map((content) => ({ content }))];
  const own = waiting.length + messages.filter(isOwn).length;
  const { log, newCount, toEnd } = useScrolling(chat, messages, own);
  const readUpTo = history?.readBy("agent") ?? 0;
  return (
    <div class="history">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <div class="messages" role="log" aria-label={t("widget.messages")} tabIndex={0} ref={log}>
        {history?.hasMore && (
          <button type="button" class="plain" onClick={() => void chat.loadOlder()}>
            {t("widget.loadEarlier")}
          </button>
        )}
        {!history?.hasMore && (
          <Other chat={chat} id={chat.conversation?.continuationOf} label={t("widget.continuationOf")} />
        )}
        {messages.length === 0 && waiting.length === 0 && (
          <p class="hello" dir="auto">
            {greeting}
          </p>
        )}
        {messages.map((message, n) => (
          <Fragment key={message.messageId}>
            {isOtherDay(message.timestamp, messages[n - 1]?.timestamp) && <Day timestamp={message.timestamp} />}
            <Joined lines={history?.movesBefore(n)} />
            {message.seq === chat.newFrom && <p class="line new">{t("widget.new")}</p>}
            <Bubble chat={chat} message={message} isRead={message.seq <= readUpTo} />
          </Fragment>
        ))}
        <Joined lines={history?.movesBefore(messages.length)} />
        <Other chat={chat} id={chat.conversation?.continuedIn} label={t("widget.continued")} />
        {waiting.map((message, n) => (
          <Waiting key={message.clientMessageId ?? n} chat={chat} message={message} />
        ))}
        {chat.typist && <p class="typing">{t("widget.typing", { name: chat.typist })}</p>}
      </div>
      {newCount > 0 && (
        <button type="button" class="pill" onClick={toEnd}>
          {t("widget.newBelow", { count: newCount })}
        </button>
      )}
    </div>
  );
}

/** Keep the place of the reader, and count what has arrived below it. A conversation begins at its first unread message. */
function useScrolling(chat: Chat, messages: Message[], own: number) {
  const log = useRef<HTMLDivElement>(null);
  const known = useRef<Scrolled>({ firstSeq: 0, own, height: 0, top: 0, isAtEnd: true });
  const seen = useRef(0);
  const [, redraw] = useState(0);
  const last = messages.at(-1)?.seq ?? 0;
  const note = (element: HTMLElement) => {
    const { scrollTop: top, scrollHeight: height, clientHeight } = element;
    const wasAtEnd = known.current.isAtEnd;
    Object.assign(known.current, { top, height, isAtEnd: isAtEnd(top, clientHeight, height) });
    if (known.current.isAtEnd) seen.current = chat.history?.lastSeq ?? 0;
    chat.scrolled(known.current.isAtEnd);
    if (wasAtEnd !== known.current.isAtEnd) redraw((count) => count + 1);
  };
  const current = ({ scrollTop: top, scrollHeight: height, clientHeight: shown }: HTMLElement) =>
    scrolledTo(known.current, { top, shown, height });
  useLayoutEffect(() => {
    const element = log.current;
    if (!element) return;
    const after = { firstSeq: messages[0]?.seq ?? 0, own, height: element.scrollHeight };
    element.scrollTop = topAfter(current(element), after);
    const isFirst = known.current.firstSeq === 0 && messages.length > 0;
    const line = isFirst ? element.querySelector<HTMLElement>(".new") : null;
    if (line) element.scrollTop = line.offsetTop - ABOVE_PX;
    if (isFirst) seen.current = chat.newFrom === undefined ? last : chat.newFrom - 1;
    Object.assign(known.current, after);
    note(element);
  }, [last, messages[0]?.seq, own, messages.length, chat.history?.activity.length, chat.typist]);
  useLayoutEffect(() => {
    const element = log.current;
    if (!element) return;
    element.addEventListener("scroll", () => note(element), { passive: true });
    // The field grows, and the keyboard of a phone appears: the end stays visible.
    const observer = new ResizeObserver(() => {
      if (current(element).isAtEnd) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const toEnd = () => log.current?.scrollTo({ top: log.current.scrollHeight });
  const below = messages.filter((message) => message.seq > seen.current && !isOwn(message));
  return { log, toEnd, newCount: known.current.isAtEnd ? 0 : below.length };
}

function isOwn({ senderType }: Message): boolean {
  return senderType === "customer";
}

function Day({ timestamp }: { timestamp: string }) {
  const day = new Date(timestamp);
  const days = daysBetween(day, new Date());
  const isOtherYear = day.getFullYear() !== new Date().getFullYear();
  const year = isOtherYear ? ({ year: "numeric" } as const) : {};
  return (
    <p class="line">
      {days > -2 ? daysFromNow(days) : date(day, { weekday: "long", month: "long", day: "numeric", ...year })}
    </p>
  );
}

/** A link to the conversation before this one or after it. */
function Other({ chat, id, label }: { chat: Chat; id: string | undefined; label: string }) {
  return id ? (
    <button type="button" class="plain" onClick={() => chat.show(id)}>
      {label}
    </button>
  ) : null;
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

function Waiting({ chat, message }: { chat: Chat; message: Partial<PendingMessage> }) {
  return (
    <div class="mine waiting">
      <p dir="auto">{message.content}</p>
      {message.refusal ? (
        <button type="button" class="plain" onClick={() => chat.resend(message as PendingMessage)}>
          {t("widget.notSent", { reason: explain(message.refusal) })}
        </button>
      ) : (
        <small>{t("widget.waiting")}</small>
      )}
    </div>
  );
}

function Bubble({ chat, message, isRead }: { chat: Chat; message: Message; isRead: boolean }) {
  const time = date(new Date(message.timestamp), { hour: "2-digit", minute: "2-digit" });
  return (
    <div class={isOwn(message) ? "mine" : "theirs"}>
      {!isOwn(message) && (
        <small class="name" dir="auto">
          {message.senderName}
        </small>
      )}
      <div class="text" dir="auto">
        {message.erased ? (
          <em>{t(message.withdrawn ? "widget.withdrawn" : "widget.erased")}</em>
        ) : (
          nodesOf<VNode>(message, createElement)
        )}
      </div>
      <Attachments chat={chat} message={message} />
      {message.metadata.automatic === true && <Automatic chat={chat} message={message} />}
      <small>
        <time dateTime={message.timestamp}>{time}</time>
        {message.revision && !message.erased && ` · ${t("widget.edited")}`}
        {isOwn(message) && (
          <span role="img" class="tick" aria-label={isRead ? t("widget.read") : t("widget.sent")}>
            {isRead ? " ✓✓" : " ✓"}
          </span>
        )}
      </small>
    </div>
  );
}

/** Says that no person has written this, and asks below the AI's last answer whether it helped. */
function Automatic({ chat, message }: { chat: Chat; message: Message }) {
  const [isJudged, setJudged] = useState(false);
  const [isHandedOver, setHandedOver] = useState(false);
  const judge = async (verdict: "yes" | "no" | "person") => {
    const answer = await chat.judge(verdict);
    setJudged(answer !== undefined);
    setHandedOver(answer?.handedOver === true);
  };
  const button = (verdict: "yes" | "no" | "person") => (
    <button type="button" class="plain" onClick={() => void judge(verdict)}>
      {t(`widget.automatic.${verdict}`)}
    </button>
  );
  const isLast = message === chat.history?.messages.at(-1);
  const isOfAI = message.senderType === "system" && typeof message.metadata.runId === "string"; // and of no other machine
  return (
    <p class="automatic">
      <small>{t("widget.automatic")}</small>
      {isOfAI && isLast && !isJudged && (
        <>
          {" "}
          {t("widget.automatic.ask")} {button("yes")} {button("no")}
        </>
      )}{" "}
      {isHandedOver ? t("widget.automatic.handedOver") : isOfAI && button("person")}
    </p>
  );
}

function Attachments({ chat, message: { attachments } }: { chat: Chat; message: Message }) {
  if (attachments.length === 0) return null;
  return (
    <ul class="attachments">
      {attachments.map((file, n) => (
        <li key={n}>
          <FileView chat={chat} file={file}>
            <bdi>{file.filename}</bdi> <small>{sizeOf(file.size)}</small>
          </FileView>
        </li>
      ))}
    </ul>
  );
}

function sizeOf(bytes: number): string {
  if (bytes < KIB) return inUnit(bytes, "byte");
  return bytes < KIB ** 2 ? inUnit(bytes / KIB, "kilobyte") : inUnit(bytes / KIB ** 2, "megabyte");
}

function inUnit(value: number, unit: string): string {
  return number(value, { style: "unit", unit, maximumSignificantDigits: 3 });
}
