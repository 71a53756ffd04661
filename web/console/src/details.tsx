// The panel beside the conversation on wide screens: customer and colleagues.

import { t } from "@hummdesk/texts";
import { Avatar } from "./components/avatar";
import { Customer } from "./customer-loader";
import { fullTime, when } from "./format";
import { useStore } from "./state/context";

export function Details() {
  const store = useStore();
  const { conversation, thread } = store;
  const colleagues = [...store.agents.values()].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <aside class="details" aria-label={t("console.details.label")}>
      {conversation && (
        <section>
          <h2 class="overline">{t("console.details.customer")}</h2>
          <div class="customer-card">
            <Avatar name={conversation.customer.name} />
            <div class="titles">
              <strong>{conversation.customer.name}</strong>
              <span>{conversation.customer.email}</span>
            </div>
          </div>
          <dl>
            <dt>{t("console.details.assignee")}</dt>
            <dd>
              {store.nameOf(conversation.assignedTo)} <WhyButton />
            </dd>
            <dt>{t("console.details.started")}</dt>
            <dd>{fullTime(conversation.createdAt)}</dd>
            <dt>{t("console.details.messages")}</dt>
            <dd>{conversation.lastSeq}</dd>
            <dt>{t("console.details.priority")}</dt>
            <dd>{conversation.priority && t(`common.priority.${conversation.priority}`)}</dd>
            {thread?.classification && (
              <>
                <dt>{t("console.details.urgency")}</dt>
                <dd>{t("console.details.urgencyOf", { urgency: thread.classification.classification.urgency })}</dd>
              </>
            )}
          </dl>
          <Customer contactId={conversation.customer.id} conversationId={conversation.conversationId} />
        </section>
      )}
      <section>
        <h2 class="overline">{t("console.details.colleagues")}</h2>
        <ul class="plain colleagues">
          {colleagues.map((agent) => (
            <li key={agent.agentId}>
              <Avatar name={agent.name} presence={agent.status} photo={agent.photo} />
              <span class="user-name">
                {agent.agentId === store.me?.userId ? t("console.conversation.you", { name: agent.name }) : agent.name}
                <small>
                  {agent.status === "offline" && agent.lastSeenAt
                    ? t("console.details.lastSeen", { when: when(agent.lastSeenAt) })
                    : t(`common.presence.${agent.status}`)}
                </small>
              </span>
            </li>
          ))}
        </ul>
      </section>
    </aside>
  );
}

function WhyButton() {
  const store = useStore();
  return (
    <button type="button" class="quiet why-button" aria-haspopup="dialog" onClick={() => store.showOverlay("why")}>
      {t("console.details.why")}
    </button>
  );
}
