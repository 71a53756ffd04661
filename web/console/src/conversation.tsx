// The open conversation: its customer, actions and messages.

import { rich, t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { ClassificationChips } from "./ai";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { type Choice, Menu } from "./components/menu";
import { Composer } from "./composer";
import { Continuation } from "./continuation";
import { Summary } from "./drafting";
import { fullTime } from "./format";
import { LabelChips, LabelMenu } from "./label-chips";
import { Labels } from "./labels";
import { Messages } from "./messages";
import { ReadButton } from "./read-button";
import { SnoozeMenu } from "./snooze";
import { useStore } from "./state/context";
import { assign, claim, release, transfer } from "./state/moves";
import type { Store } from "./state/store";
import type { Thread } from "./state/thread";
import type { Agent, Conversation, Status } from "./types";

const STATUSES: Status[] = ["open", "pending", "closed"];

export function ConversationPane() {
  const store = useStore();
  const { openId, thread, conversation } = store;
  if (!openId || !thread)
    return (
      <main class="pane">
        <EmptyState icon="inbox" title={t("console.conversation.none")}>
          {rich("console.conversation.noneHint", { kbd: (keys) => <kbd>{keys}</kbd> }) as ComponentChildren}
        </EmptyState>
      </main>
    );
  return (
    <main class="pane" key={openId}>
      {conversation && <Head one={conversation} thread={thread} />}
      <Messages thread={thread} conversationId={openId} />
      {store.canReply && thread.state === "ready" ? (
        <Composer thread={thread} conversationId={openId} />
      ) : (
        thread.state === "ready" && <p class="read-only">{t("console.conversation.readOnly")}</p>
      )}
    </main>
  );
}

function Head({ one, thread }: { one: Conversation; thread: Thread }) {
  const store = useStore();
  return (
    <header class="pane-head">
      <div class="pane-title">
        <IconButton icon="back" label={t("console.command.back")} class="back" onClick={() => store.open(null)} />
        <Avatar name={one.customer.name} />
        <div class="titles">
          <h2 dir="auto">{one.customer.name}</h2>
          <p
            class="pane-subtitle"
            dir="auto"
            title={t("console.conversation.started", { time: fullTime(one.createdAt) })}
          >
            {one.subject ?? one.customer.email}
          </p>
        </div>
        <Viewers thread={thread} />
        <div class="pane-actions">
          {store.canReply && (
            <>
              {!one.assignedTo && one.status !== "closed" && (
                <button type="button" class="pill claim" onClick={() => void claim(store, one.conversationId)}>
                  {t("console.command.claim")}
                </button>
              )}
              <ReadButton conversationId={one.conversationId} />
              <AssignMenu one={one} />
              <StatusMenu one={one} />
              <SnoozeMenu one={one} />
              <LabelMenu one={one} />
            </>
          )}
        </div>
      </div>
      <div class="pane-marks">
        <Continuation one={one} />
        {store.canReply ? <LabelChips one={one} /> : <Labels one={one} />}
        <ClassificationChips thread={thread} />
        <Summary thread={thread} conversationId={one.conversationId} />
      </div>
    </header>
  );
}

function Viewers({ thread }: { thread: Thread }) {
  const store = useStore();
  const others = thread.viewers.filter((one) => one.agentId !== store.me?.userId);
  if (others.length === 0) return null;
  const names = others.map((one) => one.name).join(", ");
  return (
    <div class="viewers" role="status" title={t("console.conversation.alsoViewingNames", { names })}>
      <Icon name="eye" />
      {others.slice(0, 3).map((one) => (
        <Avatar key={one.agentId} name={one.name} photo={store.agents.get(one.agentId)?.photo} />
      ))}
      <span class="viewers-names">
        {others.length === 1 ? others[0]?.name : t("console.conversation.colleagues", { count: others.length })}
      </span>
      <span class="hidden"> {t("console.conversation.alsoViewing", { count: others.length })}</span>
    </div>
  );
}

function StatusMenu({ one }: { one: Conversation }) {
  const store = useStore();
  return (
    <Menu
      class={`pill status-${one.status}`}
      label={t("console.conversation.changeStatus", { status: t(`common.status.${one.status}`) })}
      opensBy="status"
      choices={STATUSES.map((status) => ({
        label: t(`common.status.${status}`),
        isChosen: status === one.status,
        mark: <span class={`dot dot-status-${status}`} />,
        choose: () =>
          void (status === "closed"
            ? store.closing.close(one.conversationId)
            : store.setStatus(one.conversationId, status)),
      }))}
    >
      {t(`common.status.${one.status}`)}
      <Icon name="down" />
    </Menu>
  );
}

function AssignMenu({ one }: { one: Conversation }) {
  const store = useStore();
  return (
    <Menu
      class="pill"
      label={t("console.conversation.changeAssignee", { assignee: store.nameOf(one.assignedTo) })}
      opensBy="assign"
      choices={assignees(store, one)}
    >
      <Icon name="person" />
      <span class="pill-text">{store.nameOf(one.assignedTo)}</span>
      <Icon name="down" />
    </Menu>
  );
}

// The user first, then the others by presence. Assigning an agent also assigns a team of the agent.
export function assignees(store: Store, one: Conversation): Choice[] {
  const order = { online: 1, busy: 2, away: 3, offline: 4 };
  const rank = (agent: Agent) => (agent.agentId === store.me?.userId ? 0 : order[agent.status]);
  const agents = [...store.agents.values()].sort((a, b) => rank(a) - rank(b));
  const choices: Choice[] = agents.map((agent) => {
    const team = store.teamFor(one.conversationId, agent.agentId);
    const isOwn = agent.agentId === store.me?.userId;
    return {
      label: isOwn ? t("console.conversation.you", { name: agent.name }) : agent.name,
      detail: [t(`common.presence.${agent.status}`), team?.name].filter(Boolean).join(" · "),
      isChosen: agent.agentId === one.assignedTo,
      mark: <Avatar name={agent.name} presence={agent.status} photo={agent.photo} />,
      choose: () => void assign(store, agent.agentId, one),
    };
  });
  for (const team of store.teams.filter(({ agentIds }) => agentIds.length > 0))
    choices.push({
      label: t("console.conversation.toTeam", { team: team.name }),
      isChosen: !one.assignedTo && one.assignedTeam === team.teamId,
      choose: () => void transfer(store, one.conversationId, { teamId: team.teamId }, ""),
    });
  choices.push({ label: t("console.command.transfer"), choose: () => store.showOverlay("transfer") });
  if (one.assignedTo && (one.assignedTo === store.me?.userId || store.isAdmin))
    choices.push({ label: t("console.command.release"), choose: () => void release(store, one.conversationId) });
  if (one.assignedTo)
    choices.push({
      label: t("console.conversation.unassign"),
      choose: () => void store.assign(one.conversationId, null),
    });
  return choices;
}
