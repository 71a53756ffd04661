// Snooze a conversation until a time, or until the customer writes.

import { t } from "@hummdesk/texts";
import { Icon } from "./components/icon";
import { type Choice, Menu } from "./components/menu";
import { fullTime } from "./format";
import { useStore } from "./state/context";
import { snooze } from "./state/moves";
import type { Store } from "./state/store";
import type { Conversation } from "./types";

const HOUR_MS = 3_600_000;
const MORNING = 9;
const MONDAY = 1;

export function SnoozeMenu({ one }: { one: Conversation }) {
  const store = useStore();
  if (one.status === "closed") return null;
  const text = untilWhen(one) ?? t("console.snooze.menu");
  return (
    <Menu class="pill" label={text} opensBy="snooze" choices={choices(store, one)}>
      <Icon name="clock" />
      <span class="pill-text">{text}</span>
      <Icon name="down" />
    </Menu>
  );
}

export function SnoozeMark({ one }: { one: Conversation }) {
  const text = untilWhen(one);
  return text ? <span class="mark">{text}</span> : null;
}

// A message that has reopened a conversation has ended its snooze, too.
function untilWhen({ status, snoozedUntil }: Conversation): string | null {
  return status === "pending" && snoozedUntil ? t("console.snooze.until", { time: fullTime(snoozedUntil) }) : null;
}

function choices(store: Store, { conversationId, status, snoozedUntil }: Conversation): Choice[] {
  const until = (label: string, time: Date): Choice => ({
    label,
    detail: fullTime(time.toISOString()),
    choose: () => void snooze(store, conversationId, time),
  });
  return [
    ...snoozeTimes().map(({ label, time }) => until(label, time)),
    {
      label: t("console.snooze.reply"),
      isChosen: status === "pending" && !snoozedUntil,
      choose: () => void snooze(store, conversationId, null),
    },
    ...(status === "pending" && snoozedUntil
      ? [{ label: t("console.snooze.end"), choose: () => void store.setStatus(conversationId, "open") }]
      : []),
  ];
}

// The times that are offered, from now.
export function snoozeTimes(): { label: string; detail: string; time: Date }[] {
  const now = new Date();
  const times: [string, Date][] = [
    [t("console.snooze.hour"), new Date(now.getTime() + HOUR_MS)],
    [t("console.snooze.later"), new Date(now.getTime() + 3 * HOUR_MS)],
    [t("console.snooze.tomorrow"), morningIn(now, 1)],
    [t("console.snooze.monday"), morningIn(now, daysToMonday(now))],
  ];
  return times.map(([label, time]) => ({ label, detail: fullTime(time.toISOString()), time }));
}

// Nine o'clock by the clock of the browser, so many days ahead.
function morningIn(now: Date, days: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
}

function daysToMonday(now: Date): number {
  return (MONDAY + 7 - now.getDay()) % 7 || 7;
}
