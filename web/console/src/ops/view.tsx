// The operations page: charts of the account, then the health of the whole system.

import type { Operations, RunFigures, State } from "@hummdesk/client";
import { Icon } from "../components/icon";
import { clock, words } from "../format";
import { Chart } from "./chart";

const NOTICES: Record<State, string> = {
  connecting: "Connecting…",
  offline: "Offline. Charts resume after reconnecting.",
  online: "",
  recovered: "",
  resynchronized: "",
};
const ROLES = ["admin", "agent", "viewer", "customer"] as const;
const KINDS = ["classification", "draft"] as const;
const COMPONENTS = { postgresql: "PostgreSQL", redis: "Redis", bus: "Event stream" } as const;

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const whole = (value: number) => number.format(value);
const dollars = (value: number) => value.toFixed(2);
const time = (ms: number) => (ms < 1000 ? `${whole(ms)} ms` : `${whole(ms / 1000)} s`);

export function View({ state, samples, signOut }: { state: State; samples: Operations[]; signOut: () => void }) {
  const now = samples.at(-1);
  return (
    <>
      <div class={`banner ${NOTICES[state] ? state : "none"}`} role="status">
        {NOTICES[state] && <p>{NOTICES[state]}</p>}
      </div>
      <header class="ops-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" /> Operations
        </h1>
        <nav aria-label="Account" class="buttons">
          <a href="/">Console</a>
          <button type="button" class="quiet" onClick={signOut}>
            Sign out
          </button>
        </nav>
      </header>
      <main class="ops">
        {now ? <Figures samples={samples} now={now} /> : <p class="ops-wait">Loading figures…</p>}
      </main>
    </>
  );
}

function Figures({ samples, now }: { samples: Operations[]; now: Operations }) {
  return (
    <>
      <section aria-labelledby="own">
        <h2 id="own">Your account</h2>
        <div class="charts">
          <Chart
            title="Connections"
            format={whole}
            lines={ROLES.map((role) => ({ name: words(role), values: samples.map((one) => one.connections[role]) }))}
          />
          <Chart
            title="Messages per second"
            format={whole}
            lines={[{ name: "Messages", values: samples.map((one) => one.messagesPerSecond) }]}
          />
          <Chart
            title="AI run duration"
            format={time}
            lines={[...linesOf(samples, "medianTime"), ...linesOf(samples, "slowTime")]}
          />
          <Chart title="Waiting AI runs" format={whole} lines={linesOf(samples, "waiting")} />
        </div>
        <Runs figures={now.ai} />
        <Budget budget={now.aiBudget} />
        <Failures failed={now.failedRuns} />
      </section>
      <section aria-labelledby="whole">
        <h2 id="whole">System health</h2>
        <ul class="plain parts">
          {Object.entries(COMPONENTS).map(([component, name]) => (
            <ComponentHealth key={component} name={name} isHealthy={now.health[component as keyof typeof COMPONENTS]} />
          ))}
        </ul>
        <div class="charts">
          <Chart
            title="Event delivery delay"
            format={time}
            lines={[{ name: "Delay", values: samples.map((one) => one.health.busLag) }]}
          />
          <Chart
            title="Tasks waiting for a worker"
            format={whole}
            lines={[{ name: "Tasks", values: samples.map((one) => one.health.queuedTasks) }]}
          />
        </div>
      </section>
    </>
  );
}

const SUFFIXES = { medianTime: ", median", slowTime: ", 95th percentile", waiting: "" };

function linesOf(samples: Operations[], field: keyof typeof SUFFIXES) {
  return KINDS.map((kind) => ({
    name: words(kind) + SUFFIXES[field],
    values: samples.map((one) => one.ai.find((figures) => figures.processingType === kind)?.[field] ?? null),
  }));
}

function Runs({ figures }: { figures: RunFigures[] }) {
  return (
    <div class="table">
      <table>
        <caption>AI runs in the last hour</caption>
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Completed</th>
            <th scope="col">Failed</th>
            <th scope="col">Waiting</th>
          </tr>
        </thead>
        <tbody>
          {figures.map((one) => (
            <tr key={one.processingType}>
              <th scope="row">{words(one.processingType)}</th>
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
    { name: "Tokens", used: whole(budget.tokens), limit: budget.dailyTokens && whole(budget.dailyTokens) },
    { name: "US dollars", used: dollars(budget.dollars), limit: budget.dailyDollars && dollars(budget.dailyDollars) },
  ];
  return (
    <div class="table">
      <table>
        <caption>External AI models today (UTC)</caption>
        <thead>
          <tr>
            <th scope="col">Budget</th>
            <th scope="col">Used</th>
            <th scope="col">Limit</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              <td>{one.used}</td>
              <td>{one.limit ?? "Unlimited"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {budget.refused > 0 && (
        <p class="bad" role="status">
          Budget used up: the embedded AI has answered {whole(budget.refused)} requests instead.
        </p>
      )}
    </div>
  );
}

function Failures({ failed }: { failed: Operations["failedRuns"] }) {
  return (
    <>
      <h3>Recent AI failures</h3>
      {failed.length === 0 && <p class="quiet-text">None in the last hour.</p>}
      <ul class="plain failures">
        {failed.map((one) => (
          <li key={one.runId}>
            <time datetime={one.timestamp}>{clock(one.timestamp)}</time> {words(one.processingType)}: {one.error}
          </li>
        ))}
      </ul>
    </>
  );
}

function ComponentHealth({ name, isHealthy }: { name: string; isHealthy: boolean }) {
  return (
    <li class={isHealthy ? "good" : "bad"}>
      <Icon name={isHealthy ? "check" : "warn"} /> {name} {isHealthy ? "is available" : "is unavailable"}
    </li>
  );
}
