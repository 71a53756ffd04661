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
