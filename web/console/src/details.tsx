// The panel beside the conversation on wide screens: customer and colleagues.

import { Avatar } from "./components/avatar";
import { fullTime, when, words } from "./format";
import { useStore } from "./state/context";

export function Details() {
  const store = useStore();
  const { conversation, thread } = store;
  const colleagues = [...store.agents.values()].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <aside class="details" aria-label="Details">
      {conversation && (
        <section>
          <h2 class="overline">Customer</h2>
          <div class="customer-card">
            <Avatar name={conversation.customer.name} />
            <div class="titles">
              <strong>{conversation.customer.name}</strong>
              <span>{conversation.customer.email}</span>
            </div>
          </div>
          <dl>
            <dt>Started</dt>
            <dd>{fullTime(conversation.createdAt)}</dd>
            <dt>Messages</dt>
            <dd>{conversation.lastSeq}</dd>
            <dt>Priority</dt>
            <dd>{words(conversation.priority ?? "")}</dd>
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
              <span class="user-name">
                {agent.agentId === store.me?.userId ? `${agent.name} (you)` : agent.name}
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
