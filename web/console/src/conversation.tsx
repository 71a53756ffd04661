// The open conversation: who it is with, what can be done with it, what was said.

import { Chips } from "./ai";
import { Composer } from "./composer";
import type { Desk } from "./desk";
import { fullTime, words } from "./format";
import { Icon } from "./icons";
import { Messages } from "./messages";
import { Avatar, type Choice, Empty, IconButton, Menu } from "./parts";
import { Marks } from "./sidebar";
import type { Thread } from "./thread";
import type { Conversation, Status } from "./types";
import { useDesk } from "./use";

const STATUSES: [Status, string][] = [
  ["open", "Open"],
  ["pending", "Pending"],
  ["closed", "Closed"],
];

export function ConversationPane() {
  const desk = useDesk();
  const { openId, thread, conversation } = desk;
  if (!openId || !thread)
    return (
      <main class="pane">
        <Empty icon="inbox" title="No conversation is open">
          Choose one from the list, or press <kbd>J</kbd> for the first.
        </Empty>
      </main>
    );
  return (
    <main class="pane" key={openId}>
      {conversation && <Head one={conversation} thread={thread} />}
      <Messages thread={thread} conversationId={openId} />
      {desk.mayAnswer && thread.state === "ready" ? (
        <Composer thread={thread} conversationId={openId} />
      ) : (
        thread.state === "ready" && (
          <p class="read-only">You see everything here and change nothing: you are a supervisor.</p>
        )
      )}
    </main>
  );
}

function Head({ one, thread }: { one: Conversation; thread: Thread }) {
  const desk = useDesk();
  return (
    <header class="pane-head">
      <div class="pane-title">
        <IconButton icon="back" label="Back to the list" class="back" onClick={() => desk.open(null)} />
        <Avatar name={one.customer.name} />
        <div class="titles">
          <h2>{one.customer.name}</h2>
          <p class="pane-subtitle" title={`Began ${fullTime(one.createdAt)}`}>
            {one.subject ?? one.customer.email}
          </p>
        </div>
        <Viewers thread={thread} />
        <div class="pane-actions">
          {desk.mayAnswer && (
            <>
              <AssignMenu one={one} />
              <StatusMenu one={one} />
            </>
          )}
        </div>
      </div>
      <div class="pane-marks">
        {!desk.mayAnswer && <Marks one={one} />}
        <Chips thread={thread} />
      </div>
    </header>
  );
}

function Viewers({ thread }: { thread: Thread }) {
  const desk = useDesk();
  const others = thread.viewers.filter((one) => one.agentId !== desk.me?.userId);
  if (others.length === 0) return null;
  const names = others.map((one) => one.name).join(", ");
  return (
    <div class="viewers" role="status" title={`${names} looking as well`}>
      <Icon name="eye" />
      {others.slice(0, 3).map((one) => (
        <Avatar key={one.agentId} name={one.name} />
      ))}
      <span class="viewers-names">{others.length === 1 ? others[0]?.name : `${others.length} colleagues`}</span>
      <span class="hidden"> {others.length === 1 ? "is" : "are"} looking as well</span>
    </div>
  );
}

function StatusMenu({ one }: { one: Conversation }) {
  const desk = useDesk();
  return (
    <Menu
      class={`pill status-${one.status}`}
      label={`${words(one.status)}: change the status`}
      opensBy="status"
      choices={STATUSES.map(([status, label]) => ({
        label,
        isChosen: status === one.status,
        mark: <span class={`dot dot-status-${status}`} />,
        choose: () => void desk.setStatus(one.conversationId, status),
      }))}
    >
      {words(one.status)}
      <Icon name="down" />
    </Menu>
  );
}

function AssignMenu({ one }: { one: Conversation }) {
  const desk = useDesk();
  return (
    <Menu
      class="pill"
      label={`${desk.nameOf(one.assignedTo)}: assign to somebody`}
      opensBy="assign"
      choices={assignees(desk, one)}
    >
      <Icon name="person" />
      <span class="pill-text">{desk.nameOf(one.assignedTo)}</span>
      <Icon name="down" />
    </Menu>
  );
}

// Myself first, then those who are here; the team comes along with its member.
function assignees(desk: Desk, one: Conversation): Choice[] {
  const order = { online: 1, busy: 2, away: 3, offline: 4 };
  const place = (agentId: string, status: keyof typeof order) => (agentId === desk.me?.userId ? 0 : order[status]);
  const agents = [...desk.agents.values()].sort((a, b) => place(a.agentId, a.status) - place(b.agentId, b.status));
  const choices: Choice[] = agents.map((agent) => {
    const team = desk.teams.find((candidate) => candidate.agentIds.includes(agent.agentId));
    const mine = agent.agentId === desk.me?.userId;
    return {
      label: mine ? `${agent.name} (you)` : agent.name,
      detail: [words(agent.status), team?.name].filter(Boolean).join(" · "),
      isChosen: agent.agentId === one.assignedTo,
      mark: <Avatar name={agent.name} presence={agent.status} />,
      choose: () => void desk.assign(one.conversationId, agent.agentId, team?.teamId),
    };
  });
  if (one.assignedTo) choices.push({ label: "Nobody", choose: () => void desk.assign(one.conversationId, null) });
  return choices;
}
