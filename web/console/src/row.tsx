// A row of the list, in one of two densities, with the checkbox that selects it.

import { plain } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { Avatar } from "./components/avatar";
import { follow } from "./components/page-link";
import { fullTime, when } from "./format";
import { LabelChips, LabelDot } from "./label-chips";
import { Labels } from "./labels";
import { SnoozeMark } from "./snooze";
import { useStore } from "./state/context";
import { activeAt } from "./state/conversation-list";
import type { Store } from "./state/store";
import type { Conversation } from "./types";

export function Row({ one }: { one: Conversation }) {
  const store = useStore();
  const { selection, density } = store;
  const id = one.conversationId;
  const isOpen = store.openId === id;
  const unread = store.list.unread.of(id);
  const isOfOthers = one.assignedTo !== undefined && one.assignedTo !== store.me?.userId;
  const isSelected = selection.has(id);
  return (
    <li class="row-item" data-selected={isSelected || undefined}>
      {store.canReply && (
        <input
          type="checkbox"
          class="row-check"
          checked={isSelected}
          aria-label={t("console.bulk.select", { customer: one.customer.name })}
          onClick={(event) => selection.toggle(id, event.shiftKey)}
        />
      )}
      <a
        href={store.pathOf(id)}
        class={`row ${density.current} ${unread ? "unread" : ""} ${isOfOthers ? "of-others" : ""}`}
        aria-current={isOpen ? "true" : undefined}
        data-conversation={id}
        onClick={(event) => follow(event, () => store.open(id))}
      >
        <Avatar name={one.customer.name} />
        <span class="row-body">
          <span class="row-top">
            <span class="row-name" dir="auto">
              {one.customer.name}
            </span>
            {density.current === "compact" && <Dots one={one} />}
            <Time one={one} />
          </span>
          <span class="row-bottom">
            <span class="row-line">
              {one.subject && (
                <span class="row-subject" dir="auto">
                  {one.subject}
                </span>
              )}
              <span class="row-text" dir="auto">
                {preview(store, one)}
              </span>
            </span>
            {unread > 0 && (
              <span class="badge">
                {unread > 99 ? "99+" : unread}
                <span class="hidden"> {t("console.list.unread")}</span>
              </span>
            )}
          </span>
          {density.current === "comfortable" && (
            <span class="row-marks">
              <Labels one={one} isInList />
            </span>
          )}
        </span>
      </a>
    </li>
  );
}

const MINUTE_MS = 60_000;

// How long ago the customer wrote if that is the last message, else when the last message was written.
function Time({ one }: { one: Conversation }) {
  const at = activeAt(one);
  const isWaiting = one.lastMessage?.senderType === "customer" && one.status !== "closed";
  return (
    <time
      class={isWaiting ? "waiting" : ""}
      dateTime={at}
      title={isWaiting ? t("console.list.waitsSince", { time: fullTime(at) }) : fullTime(at)}
    >
      {isWaiting ? waitText(at) : when(at)}
    </time>
  );
}

function waitText(since: string): string {
  const minutes = Math.max(0, Math.floor((Date.now() - new Date(since).getTime()) / MINUTE_MS));
  if (minutes < 60) return t("console.list.waitMinutes", { minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? t("console.list.waitHours", { hours })
    : t("console.list.waitDays", { days: Math.floor(hours / 24) });
}

// What the comfortable rows show as texts: priority, labels, snooze and assignee.
function Dots({ one }: { one: Conversation }) {
  const store = useStore();
  const isUrgent = one.priority === "urgent" || one.priority === "high";
  return (
    <span class="row-dots">
      {isUrgent && <span class={`dot priority-${one.priority}`} />}
      {store.inbox.of(one.labelIds).map(({ labelId, color }) => (
        <LabelDot key={labelId} color={color} />
      ))}
      <span class="hidden">
        {isUrgent && t(`common.priority.${one.priority as "urgent"}`)} <LabelChips one={one} /> <SnoozeMark one={one} />{" "}
        {store.nameOf(one.assignedTo)}
      </span>
    </span>
  );
}

// The unsent text of a conversation that is not open, else the last message.
function preview(store: Store, { conversationId, lastMessage: last }: Conversation): string {
  const unsent = store.openId === conversationId ? undefined : store.compositions.preview(conversationId);
  if (unsent) return t("console.list.draftPrefix", { text: unsent });
  if (!last) return t("console.list.noMessages");
  const text = last.erased ? t(last.withdrawn ? "common.withdrawn" : "common.erased") : plain(last);
  if (last.private) return t("console.list.notePrefix", { text });
  const isReply = last.senderType === "agent";
  return isReply ? t("console.list.senderPrefix", { sender: store.nameOf(last.senderId), text }) : text;
}
