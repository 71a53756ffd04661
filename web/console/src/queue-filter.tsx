// Which queue the list of unassigned conversations shows: all, or that of a team.

import { t } from "@hummdesk/texts";
import { useStore } from "./state/context";

export function QueueFilter() {
  const { list, teams, inbox } = useStore();
  if (list.view !== "unassigned" || teams.length === 0) return null;
  return (
    <select
      class="queue-filter"
      aria-label={t("console.list.queue")}
      value={list.teamId}
      onChange={(event) => list.filter({ teamId: event.currentTarget.value })}
    >
      <option value="">{t("console.list.allQueues")}</option>
      {teams.map((team) => (
        <option key={team.teamId} value={team.teamId}>
          {[team.name, inbox.countOf("unassigned", team.teamId)].filter(Boolean).join(" · ")}
        </option>
      ))}
    </select>
  );
}
