import type { ErrorReport, QueuePlace } from "@hummdesk/client";
import { date, language, t } from "@hummdesk/texts";
import type { Chat } from "./chat.js";
import { daysBetween } from "./days.js";

const DAYS_OF_WEEK = 7;
const SECONDS_OF_MINUTE = 60;
/** Positions that the server counts; every later one has the next number. */
const MOST = 100;

/** The server explains errors in English. */
export function explain({ code, message }: Pick<ErrorReport, "code" | "message">): string {
  return language === "en" ? message : t("widget.error", { code });
}

/** What is shown above the messages: why nothing can be sent, or else whether the account is closed, and the position. */
export function noticeOf(chat: Chat): string[] {
  if (chat.problem) return [explain(chat.problem)];
  if (chat.state === "connecting") return [t("widget.connecting")];
  if (chat.state === "offline") return [t("widget.offline")];
  const notice: string[] = [];
  const { availability } = chat;
  if (availability && !availability.isOpen) {
    notice.push(availability.message?.[language] ?? t("widget.closed"));
    if (availability.opensAt) notice.push(backAt(new Date(availability.opensAt), new Date()));
  }
  if (chat.queue && !chat.isClosed) notice.push(placeOf(chat.queue));
  return notice;
}

/** How soon agents reply, as long as that is within a day. */
export function replyTime(seconds: number | undefined): string {
  if (seconds === undefined || seconds > 24 * 3600) return "";
  const minutes = Math.max(1, Math.ceil(seconds / SECONDS_OF_MINUTE));
  if (minutes > 60) return t("widget.replyHours", { hours: Math.ceil(minutes / 60) });
  return t("widget.replyMinutes", { minutes: minutes > 5 ? Math.ceil(minutes / 5) * 5 : minutes });
}

function placeOf({ position, expectedWaitSeconds }: Partial<QueuePlace>): string {
  if (position === undefined) return t("widget.queued");
  if (position > MOST) return t("widget.queuedBehind", { count: MOST });
  if (expectedWaitSeconds === undefined) return t("widget.queuedAt", { position });
  return t("widget.queuedFor", { position, minutes: Math.ceil(expectedWaitSeconds / SECONDS_OF_MINUTE) });
}

/** When the account opens, in the time zone of the visitor. */
function backAt(opens: Date, now: Date): string {
  const time = date(opens, { hour: "numeric", minute: "2-digit" });
  const days = daysBetween(opens, now);
  if (days <= 0) return t("widget.backToday", { time });
  if (days === 1) return t("widget.backTomorrow", { time });
  const far = { month: "long", day: "numeric" } as const;
  return t("widget.backOn", { day: date(opens, { weekday: "long", ...(days < DAYS_OF_WEEK ? {} : far) }), time });
}
