import { plain } from "@hummdesk/client";
import { list, t } from "@hummdesk/texts";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Details } from "./details.js";
import { CROSS, Drawing } from "./drawing.js";
import { UploadList } from "./files.js";
import { ConversationList } from "./list.js";
import type { Look } from "./look.js";
import { Messages } from "./messages.js";
import { noticeOf, replyTime } from "./notices.js";
import { Rating } from "./rating.js";
import type { Sound } from "./sound.js";

const MOST_SHOWN = 99;
const LOUD = "M4 9h4l5-4v14l-5-4H4zM16 9q3 3 0 6M19 6q6 6 0 12";
const MUTED = "M4 9h4l5-4v14l-5-4H4zM17 9l5 6M22 9l-5 6";
const BUBBLE = "M4 5h16v11H9l-5 4z";
const LINES = "M4 6h16M4 12h16M4 18h16";

interface Parts {
  chat: Chat;
  look: Look;
  sound: Sound;
}

/** `title`: what the page says, in place of the account. */
export function Widget({ chat, look, sound, title }: Parts & { title: string | undefined }) {
  const [, redraw] = useState(0);
  const launcher = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    chat.changed = () => redraw((count) => count + 1);
    chat.changed();
  }, [chat]);
  useLayoutEffect(() => {
    if (wasOpen.current && !chat.isOpen) launcher.current?.focus();
    wasOpen.current = chat.isOpen;
  }, [chat.isOpen]);
  return (
    <div class={chat.isOpen ? "widget open" : "widget"}>
      {chat.isOpen && <Panel chat={chat} look={look} sound={sound} title={title ?? look.title ?? t("widget.title")} />}
      <div aria-live="polite">
        {!chat.isOpen && (chat.preview || chat.proactive) && <Preview chat={chat} title={title ?? look.title} />}
      </div>
      <button
        type="button"
        class="launcher"
        ref={launcher}
        aria-expanded={chat.isOpen}
        aria-label={chat.isOpen ? t("widget.closeChat") : t("widget.openChat", { unread: chat.unread })}
        onClick={() => (chat.isOpen ? chat.close() : chat.open())}
      >
        <Drawing path={chat.isOpen ? CROSS : BUBBLE} />
        {!chat.isOpen && chat.unread > 0 && (
          <span class="count">{chat.unread > MOST_SHOWN ? `${MOST_SHOWN}+` : chat.unread}</span>
        )}
      </button>
    </div>
  );
}

/** A message that has arrived while the chat was closed, or one of the widget's own. */
function Preview({ chat, title }: { chat: Chat; title: string | undefined }) {
  const { preview } = chat;
  const open = () => {
    if (preview) chat.show(preview.conversationId);
    chat.open();
  };
  return (
    <div class="preview">
      <button type="button" class="plain" aria-label={t("widget.dismiss")} onClick={() => chat.dismissPreview()}>
        <Drawing path={CROSS} />
      </button>
      <button type="button" class="row" onClick={open}>
        <small class="name" dir="auto">
          {preview ? preview.senderName : (title ?? t("widget.title"))}
        </small>
        <span class="snippet" dir="auto">
          {preview ? plain(preview) : chat.proactive}
        </span>
      </button>
    </div>
  );
}

/** Agents who are online, by their photos or initials and names, and how soon they reply. */
function Team({ chat }: { chat: Chat }) {
  const { agents = [], replySeconds } = chat.introduction ?? {};
  if (chat.availability?.isOpen === false) return null;
  const names = agents.map(({ name }) => name);
  const reply = replyTime(replySeconds);
  if (names.length === 0 && reply === "") return null;
  return (
    <div class="team">
      {agents.map(({ name, photo }) => (
        <span class="face" key={photo ?? name} aria-hidden="true">
          {photo ? (
            <img
              src={chat.server.server + photo}
              alt=""
              onError={(event) => event.currentTarget.replaceWith(initials(name))} // a photo that was replaced
            />
          ) : (
            initials(name)
          )}
        </span>
      ))}
      <small>
        {names.length > 0 && <bdi>{list(names)}</bdi>} {reply}
      </small>
    </div>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("");
}

function Panel({ chat, look, sound, title }: Parts & { title: string }) {
  const notice = noticeOf(chat);
  const { isListShown, conversations } = chat;
  const unreadElsewhere = conversations.unread - conversations.unreadIn(chat.conversationId);
  const { preChat = "off", askEmail = true, recordPages } = look.chosen;
  const isFirst = preChat !== "off" && chat.isUnreachable && chat.isNew;
  const isAsked = askEmail && chat.isUnreachable && chat.hasWritten && !chat.isClosed;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    chat.close();
  };
  return (
    <section class="panel" role="dialog" aria-label={title} onKeyDown={onKeyDown}>
      <header>
        {!isListShown && conversations.all.length > 0 && (
          <button
            type="button"
            class="plain"
            aria-label={t("widget.allConversations", { unread: unreadElsewhere })}
            onClick={() => chat.showList()}
          >
            <Drawing path={LINES} />
            {unreadElsewhere > 0 && <span class="dot" />}
          </button>
        )}
        <div class="heading">
          <h2 dir="auto">{title}</h2>
          <Team chat={chat} />
        </div>
        <button
          type="button"
          class="plain"
          aria-pressed={sound.isOn}
          aria-label={t("widget.sound")}
          onClick={() => {
            sound.toggle();
            chat.changed();
          }}
        >
          <Drawing path={sound.isOn ? LOUD : MUTED} />
        </button>
        <button type="button" class="plain" aria-label={t("widget.closeChat")} onClick={() => chat.close()}>
          <Drawing path={CROSS} />
        </button>
      </header>
      {notice.length > 0 && (
        <div class="notice" role="status">
          {notice.map((line) => (
            <p key={line} dir="auto">
              {line}
            </p>
          ))}
        </div>
      )}
      {isListShown ? (
        <ConversationList chat={chat} />
      ) : (
        <>
          <Messages
            key={chat.conversationId ?? ""}
            chat={chat}
            greeting={chat.proactive ?? look.greeting ?? t("widget.hello")}
          />
          {chat.isClosed && <Rating chat={chat} />}
          {recordPages && <small class="recorded">{t("widget.recordsPages")}</small>}
          {isFirst ? (
            <Details chat={chat} isFirst isRequired={preChat === "required"} />
          ) : (
            <>
              {isAsked && <Details chat={chat} isFirst={false} isRequired={false} />}
              <UploadList chat={chat} />
              <Composer chat={chat} />
            </>
          )}
        </>
      )}
    </section>
  );
}
