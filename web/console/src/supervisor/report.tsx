// The report: figures of the last days by hour of the day, team or agent.

import type { Figures, ReportRow } from "@hummdesk/client/rest";
import { date, number, t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { PageLink } from "../components/page-link";
import { percent } from "../format";
import { useLoaded } from "../settings/loading";
import { Action, Ready, Select } from "../settings/parts";
import { useStore } from "../state/context";
import { download } from "./csv";
import { average, duration } from "./format";
import { useLive } from "./live";
import { BY, type By, DAYS, type Days, type Figure, figurePath, NONE, rangeOf, timeZone } from "./source";

const REFRESH_MS = 60_000;

// The last choice, for the way back from a list.
let chosen: { days: Days; by: By } = { days: 7, by: "team" };

export function Report() {
  const { credentials } = useStore();
  const [{ days, by }, setChoice] = useState(chosen);
  const choose = (change: Partial<typeof chosen>) => {
    chosen = { days, by, ...change };
    setChoice(chosen);
  };
  const query = () => ({ ...rangeOf(days), by, timeZone });
  const report = useLoaded(`${days}/${by}`, (rest) => rest.getReport(query()));
  useLive(report.reload, REFRESH_MS);
  return (
    <section class="supervisor-report" aria-label={t("supervisor.report")}>
      <div class="supervisor-choices">
        <h2>{t("supervisor.report")}</h2>
        <Select
          label={t("supervisor.range")}
          value={String(days)}
          choices={DAYS.map((one) => ({ value: String(one), label: t("supervisor.lastDays", { days: one }) }))}
          change={(value) => choose({ days: Number(value) as Days })}
        />
        <Select
          label={t("supervisor.by")}
          value={by}
          choices={BY.map((one) => ({ value: one, label: t(`supervisor.rows.${one}`) }))}
          change={(value) => choose({ by: value as By })}
        />
        <Action act={() => download(credentials, "figures", query())}>{t("supervisor.download")}</Action>
      </div>
      <Ready of={report}>
        {({ rows, total }) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
          <section class="table-box" aria-label={t("supervisor.report")} tabIndex={0}>
            <table>
              <caption class="hidden">{t("supervisor.report")}</caption>
              <Head by={by} />
              <tbody>
                {rows.map((row) => (
                  <Row key={keyOf(row, by)} name={nameOf(row, by)} figures={row} place={[days, by, keyOf(row, by)]} />
                ))}
                <Row name={t("supervisor.total")} figures={total} place={[days, by]} />
              </tbody>
            </table>
          </section>
        )}
      </Ready>
    </section>
  );
}

function keyOf(row: ReportRow, by: By): string {
  return by === "hour" ? String(row.hour) : ((by === "team" ? row.teamId : row.agentId) ?? NONE);
}

function nameOf(row: ReportRow, by: By): string {
  if (by === "hour") return date(new Date(2000, 0, 1, row.hour), { hour: "2-digit", minute: "2-digit" });
  return row.name ?? t(`supervisor.without.${by}`);
}

function Head({ by }: { by: By }) {
  return (
    <thead>
      <tr>
        <th scope="col">{t(`supervisor.row.${by}`)}</th>
        <th scope="col">{t("supervisor.figure.opened")}</th>
        <th scope="col">{t("supervisor.figure.unanswered")}</th>
        <th scope="col">{t("supervisor.figure.firstResponse")}</th>
        <th scope="col">{t("supervisor.figure.closed")}</th>
        <th scope="col">{t("supervisor.figure.resolution")}</th>
        <th scope="col">{t("supervisor.figure.draftsUsed")}</th>
        <th scope="col">{t("supervisor.figure.rating")}</th>
      </tr>
    </thead>
  );
}

type Place = [days: Days, by: By, key?: string];

function Row({ name, figures, place }: { name: string; figures: Figures; place: Place }) {
  const { answered, drafts, draftsUsed, ratings } = figures;
  return (
    <tr>
      <th scope="row">{name}</th>
      <Count figure="opened" count={figures.opened} place={place} />
      <Count figure="unanswered" count={figures.unanswered} place={place} />
      <Count figure="answered" count={answered} place={place}>
        {durations(figures.firstResponseMedian, figures.firstResponseP90)}
      </Count>
      <Count figure="closed" count={figures.closed} place={place} />
      <Count figure="closed" count={figures.closed} place={place}>
        {durations(figures.resolutionMedian, figures.resolutionP90)}
      </Count>
      <Count figure="drafts" count={drafts} place={place}>
        {drafts > 0 ? percent(draftsUsed / drafts) : "–"}
      </Count>
      <Count figure="ratings" count={ratings} place={place}>
        {ratings > 0 ? t("supervisor.average", { rating: average(figures.rating), ratings }) : "–"}
      </Count>
    </tr>
  );
}

// A figure that leads to what it counts.
function Count(props: { figure: Figure; count: number; place: Place; children?: string }) {
  const text = props.children ?? number(props.count);
  return (
    <td>{props.count > 0 ? <PageLink href={figurePath(props.figure, ...props.place)}>{text}</PageLink> : text}</td>
  );
}

function durations(median: number | undefined, p90: number | undefined): string {
  return median === undefined ? "–" : t("supervisor.durations", { median: duration(median), p90: duration(p90) });
}
