// The moves of a conversation between queues, agents and teams, and its changes, as lines between its messages.

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
  const actor = actorOf(line, store);
  const { assignedToName: agent = unknown, fromAgentName: from = unknown, rule } = line;
  const change = describeChange(line, actor, store);
  if (change !== undefined) return change;
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

function actorOf({ actorId, actorName, kind }: Activity, store: Store): string {
  const known = actorName ?? store.agents.get(actorId ?? "")?.name;
  return known ?? t(kind === "continued" ? "console.activity.customer" : "console.activity.system");
}

// A change that is no move; undefined for a move.
function describeChange(line: Activity, actor: string, store: Store): string | undefined {
  switch (line.kind) {
    case "status": {
      const { fromStatus: from = "open", toStatus: to = "open", snoozedUntil } = line;
      if (snoozedUntil) return t("console.activity.snoozed", { actor, time: fullTime(snoozedUntil) });
      return t("console.activity.status", { actor, from: t(`common.status.${from}`), to: t(`common.status.${to}`) });
    }
    case "priority": {
      const { fromPriority: from = "low", toPriority: to = "low" } = line;
      const names = { from: t(`common.priority.${from}`), to: t(`common.priority.${to}`) };
      return t("console.activity.priority", { actor, ...names });
    }
    case "labels": {
      const names = (ids: string[] = []) => ids.map((id) => store.inbox.labels.get(id)?.name ?? "…").join(", ");
      const [added, removed] = [names(line.addedLabelIds), names(line.removedLabelIds)];
      if (!removed) return t("console.activity.labelled", { actor, labels: added });
      if (!added) return t("console.activity.unlabelled", { actor, labels: removed });
      return t("console.activity.relabelled", { actor, added, removed });
    }
    case "continued":
    case "merged":
    case "merged_from":
      return t(`console.activity.${line.kind}`, { actor });
  }
}
