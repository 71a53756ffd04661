// The business hours of the account, and what happens outside them.

import type { Hours as AccountHours, HoursInterval, NewHours } from "@hummdesk/client/rest";
import { date, LANGUAGES, type Language, t } from "@hummdesk/texts";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { Page, Ready } from "./parts";

type Day = HoursInterval["day"];

const DAYS: Day[] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const ALL = Object.keys(LANGUAGES) as Language[];
const LONGEST_TEXT = 500;
// A Monday.
const FIRST = Date.UTC(2026, 0, 5);
const DAY_MS = 86_400_000;

// By the path in the resource; the intervals of a day are one text: "09:00-12:00, 13:00-17:00".
type Values = Record<string, string | boolean | string[]>;

export function Hours() {
  const edited = useEdited("hours", (rest) => rest.getHours());
  return (
    <Page title={t("console.settings.hours")} lead={t("settings.hours.lead")}>
      <Ready of={edited}>
        {(hours) => (
          <Form
            key={edited.key}
            fields={fieldsOf(hours.timeZone)}
            initial={valuesOf(hours)}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values: Values, overwrite) =>
              edited.save((rest, options) => rest.putHours(hoursOf(values), options), overwrite)
            }
          />
        )}
      </Ready>
    </Page>
  );
}

function fieldsOf(timeZone: string): FieldSpec[] {
  const zones = [...new Set(["UTC", timeZone, ...Intl.supportedValuesOf("timeZone")])];
  const days = DAYS.map((day, n): FieldSpec => ({ name: pathOf(day), label: () => nameOf(n), longest: 100 }));
  const texts = ALL.map(
    (one): FieldSpec => ({
      name: `texts.${one}`,
      label: () => t("settings.hours.textIn", { language: LANGUAGES[one] }),
      longest: LONGEST_TEXT,
    }),
  );
  return [
    { name: "enabled", label: "settings.hours.enabled", kind: "yes" },
    {
      name: "timeZone",
      label: "settings.hours.timeZone",
      kind: "one",
      choices: zones.map((value) => ({ value, label: value })),
    },
    { ...(days[0] as FieldSpec), hint: t("settings.hours.dayHint") },
    ...days.slice(1),
    { name: "country", label: "settings.hours.country", hint: t("settings.hours.countryHint"), longest: 2 },
    { name: "subdivision", label: "settings.hours.subdivision", longest: 64 },
    {
      name: "closedDates",
      label: "settings.hours.closedDates",
      hint: t("settings.hours.closedDatesHint"),
      kind: "lines",
    },
    {
      name: "outside",
      label: "settings.hours.outside",
      kind: "one",
      choices: [
        { value: "announce", label: t("settings.hours.announce") },
        { value: "queue", label: t("settings.hours.queue") },
      ],
    },
    ...texts,
    { name: "routeOutsideHours", label: "settings.hours.route", kind: "yes" },
  ];
}

function pathOf(day: Day): string {
  return `days.${day}`;
}

function nameOf(index: number): string {
  return date(new Date(FIRST + index * DAY_MS), { weekday: "long", timeZone: "UTC" });
}

function valuesOf(hours: AccountHours): Values {
  const { enabled, timeZone, country, subdivision, closedDates, outside, texts, routeOutsideHours } = hours;
  const days = DAYS.map((day) => {
    const intervals = hours.weekly.filter((one) => one.day === day);
    return [pathOf(day), intervals.map(({ opens, closes }) => `${opens}-${closes}`).join(", ")];
  });
  return {
    ...{ enabled, timeZone, closedDates, outside, routeOutsideHours },
    country: country ?? "",
    subdivision: subdivision ?? "",
    ...Object.fromEntries([...days, ...ALL.map((one) => [`texts.${one}`, texts[one] ?? ""])]),
  };
}

function hoursOf(values: Values): NewHours {
  const text = (name: string) => String(values[name] ?? "").trim();
  const texts = Object.fromEntries(ALL.map((one) => [one, text(`texts.${one}`)]).filter(([, content]) => content));
  return {
    enabled: values.enabled === true,
    timeZone: text("timeZone"),
    weekly: DAYS.flatMap((day) => intervalsOf(day, text(pathOf(day)))),
    closedDates: values.closedDates as string[],
    outside: text("outside") as AccountHours["outside"],
    texts,
    routeOutsideHours: values.routeOutsideHours === true,
    ...(text("country") && { country: text("country").toUpperCase() }),
    ...(text("subdivision") && { subdivision: text("subdivision") }),
  };
}

// What cannot be read is sent as it is: the server says what is wrong with it.
function intervalsOf(day: Day, text: string): HoursInterval[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter(Boolean).map((part) => {
    const [opens = "", closes = ""] = part.split(/\s*[-–]\s*/);
    return { day, opens: padded(opens), closes: padded(closes) };
  });
}

function padded(time: string): string {
  return /^\d:\d\d$/.test(time) ? `0${time}` : time;
}
