// Beside the conversation, where there is room: the customer, and the colleagues.

import { fullTime, when, words } from "./format";
import { Avatar } from "./parts";
import { useDesk } from "./use";

export function Details() {
  const desk = useDesk();
  const { conversation, thread } = desk;
  const colleagues = [...desk.agents.values()].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <aside class="details" aria-label="Details">
      {conversation && (
        <section>
          <h2 class="overline">Customer</h2>
          <div class="who">
            <Avatar name={conversation.customer.name} />
            <div class="titles">
              <strong>{conversation.customer.name}</strong>
              <span>{conversation.customer.email}</span>
            </div>
          </div>
          <dl>
            <dt>Began</dt>
            <dd>{fullTime(conversation.createdAt)}</dd>
            <dt>Messages</dt>
            <dd>{conversation.lastSeq}</dd>
            <dt>Priority</dt>
            <dd>{words(conversation.priority)}</dd>
            {thread?.classification && (
              <>
                <dt>Urgency</dt>
                <dd>{thread.classification.classification.urgency} of 10</dd>
              </>
            )}
          </dl>
        </section>
      )}
      <section>
        <h2 class="overline">Colleagues</h2>
        <ul class="plain colleagues">
          {colleagues.map((agent) => (
            <li key={agent.agentId}>
              <Avatar name={agent.name} presence={agent.status} />
              <span class="person-name">
                {agent.agentId === desk.me?.userId ? `${agent.name} (you)` : agent.name}
                <small>
                  {agent.status === "offline" && agent.lastSeenAt
                    ? `Last seen ${when(agent.lastSeenAt)}`
                    : words(agent.status)}
                </small>
              </span>
            </li>
          ))}
        </ul>
      </section>
    </aside>
  );
}
