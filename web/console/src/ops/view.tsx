// The page: charts of the account, then whether the desk as a whole is well.

import type { Operations, RunFigures, State } from "@hummdesk/client";
import { clock, words } from "../format";
import { Icon } from "../icons";
import { Chart } from "./chart";

const STATES: Record<State, string> = {
  connecting: "Connecting …",
  offline: "Offline. The figures stand still until the connection is back.",
  online: "",
  recovered: "",
  resynchronized: "",
};
const ROLES = ["admin", "agent", "viewer", "customer"] as const;
const KINDS = ["classification", "draft"] as const;
const PARTS = { postgresql: "PostgreSQL", redis: "Redis", bus: "Event stream" } as const;

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const whole = (value: number) => number.format(value);
const time = (ms: number) => (ms < 1000 ? `${whole(ms)} ms` : `${whole(ms / 1000)} s`);

export function View({ state, kept, signOut }: { state: State; kept: Operations[]; signOut: () => void }) {
  const now = kept.at(-1);
  return (
    <>
      <div class={`banner ${STATES[state] ? state : "none"}`} role="status">
        {STATES[state] && <p>{STATES[state]}</p>}
      </div>
      <header class="ops-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" /> Operations
        </h1>
        <nav aria-label="Elsewhere" class="buttons">
          <a href="/">Console</a>
          <button type="button" class="quiet" onClick={signOut}>
            Sign out
          </button>
        </nav>
      </header>
      <main class="ops">{now ? <Figures kept={kept} now={now} /> : <p class="ops-wait">Waiting for figures …</p>}</main>
    </>
  );
}

function Figures({ kept, now }: { kept: Operations[]; now: Operations }) {
  return (
    <>
      <section aria-labelledby="own">
        <h2 id="own">Your account</h2>
        <div class="charts">
          <Chart
            title="Connections"
            show={whole}
            lines={ROLES.map((role) => ({ name: words(role), values: kept.map((one) => one.connections[role]) }))}
          />
          <Chart
            title="Messages a second"
            show={whole}
            lines={[{ name: "Messages", values: kept.map((one) => one.messagesPerSecond) }]}
          />
          <Chart
            title="AI, time of a run"
            show={time}
            lines={[...ofKinds(kept, "medianTime"), ...ofKinds(kept, "slowTime")]}
          />
          <Chart title="AI runs that wait" show={whole} lines={ofKinds(kept, "waiting")} />
        </div>
        <Runs figures={now.ai} />
        <Failures failed={now.failedRuns} />
      </section>
      <section aria-labelledby="whole">
        <h2 id="whole">The desk as a whole</h2>
        <ul class="plain parts">
          {Object.entries(PARTS).map(([part, name]) => (
            <Part key={part} name={name} isWell={now.health[part as keyof typeof PARTS]} />
          ))}
        </ul>
        <div class="charts">
          <Chart
            title="Delay of events"
            show={time}
            lines={[{ name: "Delay", values: kept.map((one) => one.health.busLag) }]}
          />
          <Chart
            title="Tasks that wait for a worker"
            show={whole}
            lines={[{ name: "Tasks", values: kept.map((one) => one.health.queuedTasks) }]}
          />
        </div>
      </section>
    </>
  );
}

const NAMES = { medianTime: ", half of them", slowTime: ", 95 %", waiting: "" };

function ofKinds(kept: Operations[], field: keyof typeof NAMES) {
  return KINDS.map((kind) => ({
    name: words(kind) + NAMES[field],
    values: kept.map((one) => one.ai.find((figures) => figures.processingType === kind)?.[field] ?? null),
  }));
}

function Runs({ figures }: { figures: RunFigures[] }) {
  return (
    <div class="table">
      <table>
        <caption>AI runs of the last hour</caption>
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col">Done</th>
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

function Failures({ failed }: { failed: Operations["failedRuns"] }) {
  return (
    <>
      <h3>Last failures of the AI</h3>
      {failed.length === 0 && <p class="quiet-text">None within the hour.</p>}
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

function Part({ name, isWell }: { name: string; isWell: boolean }) {
  return (
    <li class={isWell ? "well" : "bad"}>
      <Icon name={isWell ? "check" : "warn"} /> {name} {isWell ? "answers" : "does not answer"}
    </li>
  );
}
