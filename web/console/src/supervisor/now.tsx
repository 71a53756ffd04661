// The queues and the agents as they are now.

import type { AgentLoad, Queue } from "@hummdesk/client/rest";
import { number, t } from "@hummdesk/texts";
import { Avatar } from "../components/avatar";
import { PageLink } from "../components/page-link";
import { useLoaded } from "../settings/loading";
import { Ready } from "../settings/parts";
import { duration } from "./format";
import { useLive, useNow } from "./live";
import { agentPath, queuePath } from "./source";

const REFRESH_MS = 2000;
const CLOCK_MS = 10_000;

export function Now() {
  const found = useLoaded("queues", (rest) => rest.getQueues());
  useLive(found.reload, REFRESH_MS);
  return (
    <Ready of={found}>
      {({ queues, agents }) => (
        <div class="supervisor-now">
          <Queues queues={queues} />
          <Agents agents={agents} />
        </div>
      )}
    </Ready>
  );
}

function Queues({ queues }: { queues: Queue[] }) {
  const now = useNow(CLOCK_MS);
  return (
    <div class="table-box">
      <table>
        <caption>{t("supervisor.queues")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("supervisor.queue")}</th>
            <th scope="col">{t("supervisor.waiting")}</th>
            <th scope="col">{t("common.priority.urgent")}</th>
            <th scope="col">{t("supervisor.oldest")}</th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <tr key={queue.teamId ?? ""}>
              <th scope="row">{queue.name ?? t("supervisor.accountQueue")}</th>
              <td>
                {queue.waiting > 0 ? (
                  <PageLink href={queuePath(queue.teamId)}>{number(queue.waiting)}</PageLink>
                ) : (
                  number(0)
                )}
              </td>
              <td>{number(queue.urgent)}</td>
              <td>{queue.oldestSince ? duration(Math.max(0, now - Date.parse(queue.oldestSince)) / 1000) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Agents({ agents }: { agents: AgentLoad[] }) {
  return (
    <div class="table-box">
      <table>
        <caption>{t("supervisor.agents")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("supervisor.agent")}</th>
            <th scope="col">{t("supervisor.presence")}</th>
            <th scope="col">{t("supervisor.open")}</th>
            <th scope="col">{t("supervisor.load")}</th>
          </tr>
        </thead>
        <tbody>
          {agents.map((agent) => (
            <tr key={agent.agentId}>
              <th scope="row">
                <span class="supervisor-agent">
                  <Avatar name={agent.name} presence={agent.status} /> {agent.name}
                </span>
              </th>
              <td>{t(`common.presence.${agent.status}`)}</td>
              <td>
                {agent.conversations > 0 ? (
                  <PageLink href={agentPath(agent.agentId)}>{number(agent.conversations)}</PageLink>
                ) : (
                  number(0)
                )}
              </td>
              <td>
                {agent.capacity === undefined
                  ? number(agent.load)
                  : t("supervisor.ofCapacity", { load: agent.load, capacity: agent.capacity })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
