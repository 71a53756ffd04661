// The moves of a conversation between queues, agents and teams, as lines between its messages.

import type { Activity } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { clock, fullTime } from "./format";
import { useStore } from "./state/context";
import type { Store } from "./state/store";

export function Moves({ lines }: { lines: Activity[] }) {
  const store = useStore();
  return (
    <>
      {lines.map((line) => (
        <p class="move" key={line.activityId}>
          {describe(line, store)} <span aria-hidden="true">·</span>{" "}
          <time dateTime={line.timestamp} title={fullTime(line.timestamp)}>
            {clock(line.timestamp)}
          </time>
        </p>
      ))}
    </>
  );
}

function describe(line: Activity, store: Store): string {
  const unknown = t("console.aColleague");
  const actor = line.actorName ?? store.agents.get(line.actorId ?? "")?.name ?? t("console.activity.system");
  const { assignedToName: agent = unknown, fromAgentName: from = unknown, rule } = line;
  const isMoved = line.teamId !== line.fromTeamId;
  if (line.assignedTo && line.assignedTo !== line.fromAgentId) {
    if (rule === "routing") return t("console.activity.routed", { agent });
    const isOwn = line.assignedTo === line.actorId;
    if (line.fromAgentId)
      return isOwn
        ? t("console.activity.tookOver", { actor, from })
        : t("console.activity.transferred", { actor, from, agent });
    return isOwn ? t("console.activity.claimed", { actor }) : t("console.activity.assigned", { actor, agent });
  }
  if (line.teamId && (isMoved || line.assignedTo))
    return t("console.activity.toTeam", { actor, team: line.teamName ?? t("console.activity.aTeam") });
  if (rule === "offline") return t("console.activity.offline", { from });
  if (rule === "unanswered") return t("console.activity.unanswered", { from });
  if (rule === "disabled" && line.fromAgentId) return t("console.activity.disabled", { from });
  if (rule === "disabled") return t("console.activity.teamDisabled", { team: line.fromTeamName ?? "" });
  return t("console.activity.released", { actor });
}
