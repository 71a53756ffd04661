import { type Conversation, plain } from "@hummdesk/client";
import { date, daysFromNow, t } from "@hummdesk/texts";
import type { Chat } from "./chat.js";
import { daysBetween } from "./days.js";

/** The visitor's conversations, newest activity first. */
export function ConversationList({ chat }: { chat: Chat }) {
  return (
    <div class="list">
      <ul aria-label={t("widget.conversations")}>
        {chat.conversations.all.map((conversation) => (
          <li key={conversation.conversationId}>
            <Row chat={chat} conversation={conversation} />
          </li>
        ))}
      </ul>
      {chat.conversations.cursor && (
        <button type="button" class="plain" onClick={() => void chat.loadMore()}>
          {t("widget.moreConversations")}
        </button>
      )}
      <button type="button" class="begin" onClick={() => chat.show(undefined)}>
        {t("widget.newConversation")}
      </button>
    </div>
  );
}

function Row({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const { conversationId, lastMessage, status, subject, updatedAt } = conversation;
  const unread = chat.conversations.unreadIn(conversationId);
  return (
    <button type="button" class={unread > 0 ? "row unread" : "row"} onClick={() => chat.show(conversationId)}>
      <span class="snippet" dir="auto">
        {(lastMessage && plain(lastMessage)) || subject || t("widget.conversation")}
      </span>
      <small>
        {lastMessage && lastMessage.senderType !== "customer" && <bdi>{lastMessage.senderName} · </bdi>}
        {shortly(new Date(updatedAt))}
        {status === "closed" && ` · ${t("widget.isClosed")}`}
      </small>
      {unread > 0 && <span class="count">{t("widget.unread", { count: unread })}</span>}
    </button>
  );
}

function shortly(moment: Date): string {
  const days = daysBetween(moment, new Date());
  if (days === 0) return date(moment, { hour: "2-digit", minute: "2-digit" });
  return days > -7 ? daysFromNow(days) : date(moment, { year: "numeric", month: "short", day: "numeric" });
}
