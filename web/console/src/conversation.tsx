// The open conversation: its customer, actions and messages.

import { ClassificationChips } from "./ai";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { type Choice, Menu } from "./components/menu";
import { Composer } from "./composer";
import { fullTime, words } from "./format";
import { Labels } from "./labels";
import { Messages } from "./messages";
import { useStore } from "./state/context";
import type { Store } from "./state/store";
import type { Thread } from "./state/thread";
import type { Agent, Conversation, Status } from "./types";

const STATUSES: [Status, string][] = [
  ["open", "Open"],
  ["pending", "Pending"],
  ["closed", "Closed"],
];

export function ConversationPane() {
  const store = useStore();
  const { openId, thread, conversation } = store;
  if (!openId || !thread)
    return (
      <main class="pane">
        <EmptyState icon="inbox" title="No conversation selected">
          Select one from the list, or press <kbd>J</kbd> for the first.
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
        thread.state === "ready" && (
          <p class="read-only">Read-only access: viewers cannot reply or change conversations.</p>
        )
      )}
    </main>
  );
}

function Head({ one, thread }: { one: Conversation; thread: Thread }) {
  const store = useStore();
  return (
    <header class="pane-head">
      <div class="pane-title">
        <IconButton icon="back" label="Back to the list" class="back" onClick={() => store.open(null)} />
        <Avatar name={one.customer.name} />
        <div class="titles">
          <h2>{one.customer.name}</h2>
          <p class="pane-subtitle" title={`Started ${fullTime(one.createdAt)}`}>
            {one.subject ?? one.customer.email}
          </p>
        </div>
        <Viewers thread={thread} />
        <div class="pane-actions">
          {store.canReply && (
            <>
              <AssignMenu one={one} />
              <StatusMenu one={one} />
            </>
          )}
        </div>
      </div>
      <div class="pane-marks">
        {!store.canReply && <Labels one={one} />}
        <ClassificationChips thread={thread} />
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
    <div class="viewers" role="status" title={`Also viewing: ${names}`}>
      <Icon name="eye" />
      {others.slice(0, 3).map((one) => (
        <Avatar key={one.agentId} name={one.name} />
      ))}
      <span class="viewers-names">{others.length === 1 ? others[0]?.name : `${others.length} colleagues`}</span>
      <span class="hidden"> {others.length === 1 ? "is" : "are"} also viewing</span>
    </div>
  );
}

function StatusMenu({ one }: { one: Conversation }) {
  const store = useStore();
  return (
    <Menu
      class={`pill status-${one.status}`}
      label={`${words(one.status)}: change status`}
      opensBy="status"
      choices={STATUSES.map(([status, label]) => ({
        label,
        isChosen: status === one.status,
        mark: <span class={`dot dot-status-${status}`} />,
        choose: () => void store.setStatus(one.conversationId, status),
      }))}
    >
      {words(one.status)}
      <Icon name="down" />
    </Menu>
  );
}

function AssignMenu({ one }: { one: Conversation }) {
  const store = useStore();
  return (
    <Menu
      class="pill"
      label={`${store.nameOf(one.assignedTo)}: change assignee`}
      opensBy="assign"
      choices={assignees(store, one)}
    >
      <Icon name="person" />
      <span class="pill-text">{store.nameOf(one.assignedTo)}</span>
      <Icon name="down" />
    </Menu>
  );
}

// The user first, then the others by presence. Assigning an agent also assigns the team of the agent.
function assignees(store: Store, one: Conversation): Choice[] {
  const order = { online: 1, busy: 2, away: 3, offline: 4 };
  const rank = (agent: Agent) => (agent.agentId === store.me?.userId ? 0 : order[agent.status]);
  const agents = [...store.agents.values()].sort((a, b) => rank(a) - rank(b));
  const choices: Choice[] = agents.map((agent) => {
    const team = store.teams.find((candidate) => candidate.agentIds.includes(agent.agentId));
    const isOwn = agent.agentId === store.me?.userId;
    return {
      label: isOwn ? `${agent.name} (you)` : agent.name,
      detail: [words(agent.status), team?.name].filter(Boolean).join(" · "),
      isChosen: agent.agentId === one.assignedTo,
      mark: <Avatar name={agent.name} presence={agent.status} />,
      choose: () => void store.assign(one.conversationId, agent.agentId, team?.teamId),
    };
  });
  if (one.assignedTo) choices.push({ label: "Unassign", choose: () => void store.assign(one.conversationId, null) });
  return choices;
}
