// What a list of conversations is behind: a queue, the load of an agent, or a figure of a report. It is in the address:
// /supervisor/queue/TEAM, /supervisor/agent/AGENT, /supervisor/FIGURE/DAYS/BY/KEY.

import type { ReportItemQuery } from "@hummdesk/client/rest";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { supervisorPath } from "../state/address";

export type By = "hour" | "team" | "agent";
export type Figure = ReportItemQuery["figure"];

export const BY: By[] = ["hour", "team", "agent"];
export const DAYS = [1, 7, 30, 90] as const;
export type Days = (typeof DAYS)[number];

const FIGURES: Figure[] = ["opened", "answered", "unanswered", "closed", "drafts", "draftsUsed", "ratings"];
// In place of an id: no team, or no agent.
export const NONE = "none";
// All rows of a report.
const ALL = "all";

export type Source =
  | { kind: "queue"; teamId: string | null }
  | { kind: "agent"; agentId: string }
  | { kind: "figure"; figure: Figure; days: Days; by: By; key: string };

export function readSource([kind, first, by, key = ALL]: string[]): Source | null {
  if (kind === "queue" && first) return { kind, teamId: first === NONE ? null : first };
  if (kind === "agent" && first) return { kind, agentId: first };
  const figure = FIGURES.find((one) => one === kind);
  const days = DAYS.find((one) => String(one) === first);
  const known = BY.find((one) => one === by);
  return figure && days && known ? { kind: "figure", figure, days, by: known, key } : null;
}

export function queuePath(teamId: string | undefined): string {
  return supervisorPath("queue", teamId ?? NONE);
}

export function agentPath(agentId: string): string {
  return supervisorPath("agent", agentId);
}

// `key`: an hour, an id, or NONE; absent for all.
export function figurePath(figure: Figure, days: Days, by: By, key = ALL): string {
  return supervisorPath(figure, String(days), by, key);
}

// The last so many days, up to now.
export function rangeOf(days: Days): { from: string; to: string } {
  const now = Date.now();
  return { from: new Date(now - days * 86_400_000).toISOString(), to: new Date(now).toISOString() };
}

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function queryOf({ figure, days, by, key }: Extract<Source, { kind: "figure" }>): ReportItemQuery {
  const query: ReportItemQuery = { ...rangeOf(days), figure, timeZone };
  if (key === ALL) return query;
  if (by === "hour") return { ...query, hour: Number(key) };
  if (key === NONE) return { ...query, without: by };
  return by === "team" ? { ...query, teamId: key } : { ...query, agentId: key };
}

export const SourceContext = createContext<Source | null>(null);

export function useSource(): Source {
  const source = useContext(SourceContext);
  if (!source) throw new Error("useSource needs a SourceContext.Provider around the component");
  return source;
}
