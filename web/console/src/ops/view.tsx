// The operations page: charts of the account, then the health of the whole system.

import type { Operations, RunFigures, State } from "@hummdesk/client";
import { number, t } from "@hummdesk/texts";
import { useEffect } from "preact/hooks";
import { Icon } from "../components/icon";
import { clock } from "../format";
import { duration } from "../supervisor/format";
import { Chart } from "./chart";

const ROLES = ["admin", "agent", "viewer", "customer"] as const;
const KINDS = ["classification", "draft"] as const;
const ROUTED = ["waiting", "stranded", "aboveCapacity"] as const;
const OLDEST = ["oldestAccountWait", "oldestTeamWait"] as const;
const COMPONENTS = ["postgresql", "redis", "bus"] as const;

const whole = (value: number) => number(value, { maximumFractionDigits: 1 });
const dollars = (value: number) => number(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const time = (ms: number) => (ms < 1000 ? `${whole(ms)} ms` : `${whole(ms / 1000)} s`);

export function View({ state, samples, signOut }: { state: State; samples: Operations[]; signOut: () => void }) {
  const now = samples.at(-1);
  const notice = noticeOf(state);
  const title = `${t("ops.title")} · HummDesk`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <>
      <div class={`banner ${notice ? state : "none"}`} role="status">
        {notice && <p>{notice}</p>}
      </div>
      <header class="ops-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" /> {t("ops.title")}
        </h1>
        <nav aria-label={t("ops.nav")} class="buttons">
          <a href="/">{t("ops.console")}</a>
          <button type="button" class="quiet" onClick={signOut}>
            {t("common.signOut")}
          </button>
        </nav>
      </header>
      <main class="ops">
        {now ? <Figures samples={samples} now={now} /> : <p class="ops-wait">{t("ops.loading")}</p>}
      </main>
    </>
  );
}

function noticeOf(state: State): string | null {
  if (state === "connecting") return t("common.connecting");
  return state === "offline" ? t("ops.offline") : null;
}

function Figures({ samples, now }: { samples: Operations[]; now: Operations }) {
  return (
    <>
      <section aria-labelledby="own">
        <h2 id="own">{t("ops.yourAccount")}</h2>
        <div class="charts">
          <Chart
            title={t("ops.connections")}
            format={whole}
            lines={ROLES.map((role) => ({
              name: t(`common.role.${role}`),
              values: samples.map((one) => one.connections[role]),
            }))}
          />
          <Chart
            title={t("ops.messagesPerSecond")}
            format={whole}
            lines={[{ name: t("ops.messages"), values: samples.map((one) => one.messagesPerSecond) }]}
          />
          <Chart
            title={t("ops.ai.duration")}
            format={time}
            lines={[...linesOf(samples, "medianTime"), ...linesOf(samples, "slowTime")]}
          />
          <Chart title={t("ops.ai.waitingRuns")} format={whole} lines={linesOf(samples, "waiting")} />
          {now.routing && <Routing samples={samples} />}
        </div>
        <Runs figures={now.ai} />
        <Budget budget={now.aiBudget} />
        <Failures failed={now.failedRuns} />
      </section>
      <section aria-labelledby="whole">
        <h2 id="whole">{t("ops.health.title")}</h2>
        <ul class="plain parts">
          {COMPONENTS.map((name) => (
            <ComponentHealth key={name} name={t(`ops.health.${name}`)} isHealthy={now.health[name]} />
          ))}
        </ul>
        <div class="charts">
          <Chart
            title={t("ops.health.delay")}
            format={time}
            lines={[{ name: t("ops.health.delayShort"), values: samples.map((one) => one.health.busLag) }]}
          />
          <Chart
            title={t("ops.health.tasksWaiting")}
            format={whole}
            lines={[{ name: t("ops.health.tasks"), values: samples.map((one) => one.health.queuedTasks) }]}
          />
        </div>
      </section>
    </>
  );
}

function Routing({ samples }: { samples: Operations[] }) {
  const line = (field: (typeof ROUTED)[number] | (typeof OLDEST)[number]) => ({
    name: t(`ops.routing.${field}`),
    values: samples.map((one) => one.routing?.[field] ?? null),
  });
  return (
    <>
      <Chart title={t("ops.routing.title")} format={whole} lines={ROUTED.map(line)} />
      <Chart title={t("ops.routing.oldest")} format={(ms) => duration(ms / 1000)} lines={OLDEST.map(line)} />
    </>
  );
}

function linesOf(samples: Operations[], field: "medianTime" | "slowTime" | "waiting") {
  return KINDS.map((kind) => ({
    name: lineName(t(`ops.kind.${kind}`), field),
    values: samples.map((one) => one.ai.find((figures) => figures.processingType === kind)?.[field] ?? null),
  }));
}

function lineName(kind: string, field: "medianTime" | "slowTime" | "waiting"): string {
  if (field === "medianTime") return t("ops.ai.median", { kind });
  return field === "slowTime" ? t("ops.ai.percentile", { kind }) : kind;
}

function Runs({ figures }: { figures: RunFigures[] }) {
  return (
    <div class="table">
      <table>
        <caption>{t("ops.ai.caption")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("ops.ai.type")}</th>
            <th scope="col">{t("ops.ai.completed")}</th>
            <th scope="col">{t("ops.ai.failed")}</th>
            <th scope="col">{t("ops.ai.waiting")}</th>
          </tr>
        </thead>
        <tbody>
          {figures.map((one) => (
            <tr key={one.processingType}>
              <th scope="row">{t(`ops.kind.${one.processingType}`)}</th>
              <td>{whole(one.done)}</td>
              <td class={one.failed ? "bad" : ""}>{whole(one.failed)}</td>
              <td>{whole(one.waiting)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Budget({ budget }: { budget: Operations["aiBudget"] }) {
  const rows = [
    {
      name: t("ops.budget.tokens"),
      used: whole(budget.tokens),
      limit: budget.dailyTokens && whole(budget.dailyTokens),
    },
    {
      name: t("ops.budget.dollars"),
      used: dollars(budget.dollars),
      limit: budget.dailyDollars && dollars(budget.dailyDollars),
    },
  ];
  return (
    <div class="table">
      <table>
        <caption>{t("ops.budget.caption")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("ops.budget.label")}</th>
            <th scope="col">{t("ops.budget.used")}</th>
            <th scope="col">{t("ops.budget.limit")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              <td>{one.used}</td>
              <td>{one.limit ?? t("ops.budget.unlimited")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {budget.refused > 0 && (
        <p class="bad" role="status">
          {t("ops.budget.usedUp", { count: budget.refused })}
        </p>
      )}
    </div>
  );
}

function Failures({ failed }: { failed: Operations["failedRuns"] }) {
  return (
    <>
      <h3>{t("ops.ai.failures")}</h3>
      {failed.length === 0 && <p class="quiet-text">{t("ops.ai.noFailures")}</p>}
      <ul class="plain failures">
        {failed.map((one) => (
          <li key={one.runId}>
            <time datetime={one.timestamp}>{clock(one.timestamp)}</time> {t(`ops.kind.${one.processingType}`)}:{" "}
            {one.error}
          </li>
        ))}
      </ul>
    </>
  );
}

function ComponentHealth({ name, isHealthy }: { name: string; isHealthy: boolean }) {
  return (
    <li class={isHealthy ? "good" : "bad"}>
      <Icon name={isHealthy ? "check" : "warn"} />{" "}
      {t(isHealthy ? "ops.health.available" : "ops.health.unavailable", { component: name })}
    </li>
  );
}
