// Apply the server's events to the state of the console.

import type {
  AIRun,
  DeskClient,
  Message,
  MessageUpdate,
  PersonIdentity,
  ServerToClientEvents,
  Typing,
} from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import type { Agent } from "../types";
import type { ConversationList } from "./conversation-list";
import type { Thread } from "./thread";

const TYPING_TIMEOUT_MS = 6000;

// The state that events read and change.
export interface LiveState {
  readonly me: PersonIdentity | null;
  readonly agents: Map<string, Agent>;
  readonly list: ConversationList;
  readonly threads: Map<string, Thread>;
  changed: () => void;
  discardComposedFrom(erased: MessageUpdate): void;
  isReadOnView(conversationId: string): boolean;
  loadDirectorySoon(): void;
  markRead(conversationId: string): void;
  nameOf(agentId: string | undefined): string;
  showToast(text: string): void;
}

type Handlers = {
  [Name in keyof ServerToClientEvents]?: (state: LiveState, payload: Parameters<ServerToClientEvents[Name]>[0]) => void;
};

const HANDLERS: Handlers = {
  conversation_created(state, conversation) {
    state.list.put(conversation);
  },
  conversation_updated(state, conversation) {
    if (!state.list.known.has(conversation.conversationId)) state.list.refresh(); // the event has no unread count
    state.list.put(conversation);
  },
  unread_changed(state, change) {
    state.list.unread.change(change);
  },
  conversation_status_changed(state, change) {
    state.list.changeStatus(change);
  },
  conversation_continued(state, { conversationId, continuedIn }) {
    state.list.change(conversationId, { continuedIn });
  },
  conversation_assigned(state, change) {
    state.list.change(change.conversationId, { assignedTo: change.assignedTo });
    if (state.isReadOnView(change.conversationId)) state.markRead(change.conversationId);
    if (change.assignedTo !== state.me?.userId || change.assignedBy === state.me.userId) return;
    const customer = state.list.known.get(change.conversationId)?.customer.name;
    const colleague = state.nameOf(change.assignedBy);
    state.showToast(
      customer ? t("console.assignedToYou", { colleague, customer }) : t("console.assignedToYouUnknown", { colleague }),
    );
  },
  conversation_viewers(state, { conversationId, viewers }) {
    const thread = state.threads.get(conversationId);
    if (thread) thread.viewers = viewers;
  },
  directory_changed(state) {
    state.loadDirectorySoon();
  },
  agent_online(state, agent) {
    state.agents.set(agent.agentId, agent);
  },
  agent_offline(state, agent) {
    state.agents.set(agent.agentId, { ...agent, status: "offline" });
  },
  agent_status_changed(state, change) {
    const agent = state.agents.get(change.agentId);
    if (agent) state.agents.set(change.agentId, { ...agent, status: change.newStatus });
  },
  ai_processing_started(state, run) {
    setAiRunning(state, run, true);
    state.threads.get(run.conversationId)?.ai.begin(run);
  },
  ai_processing_completed(state, run) {
    setAiRunning(state, run, false);
    state.threads.get(run.conversationId)?.ai.end(run);
  },
  ai_error(state, run) {
    setAiRunning(state, run, false);
    state.threads.get(run.conversationId)?.ai.end(run);
  },
  ai_classification(state, classification) {
    state.threads.get(classification.conversationId)?.classify(classification);
  },
  classification_corrected(state, { conversationId, messageId, category, priority }) {
    const current = state.threads.get(conversationId)?.classification;
    if (current?.messageId !== messageId) return;
    if (category) Object.assign(current.classification, { category, unknown: false });
    if (priority) current.classification.priority = priority;
  },
  ai_draft_delta(state, delta) {
    state.threads.get(delta.conversationId)?.ai.grow(delta);
  },
  ai_summary(state, summary) {
    const thread = state.threads.get(summary.conversationId);
    if (thread) thread.ai.summary = summary;
  },
  ai_draft(state, draft) {
    state.threads.get(draft.conversationId)?.suggest(draft);
  },
};

function setAiRunning(state: LiveState, { conversationId, processingType }: AIRun, isRunning: boolean): void {
  const thread = state.threads.get(conversationId);
  if (thread && processingType !== "assist") thread.isAiRunning = isRunning; // that is for one agent
}

function onTyping(state: LiveState, { conversationId, userId, userName, isTyping }: Typing & { isTyping: boolean }) {
  const typing = state.threads.get(conversationId)?.typing;
  if (!isTyping) typing?.delete(userId);
  else {
    const until = Date.now() + TYPING_TIMEOUT_MS;
    typing?.set(userId, { name: userName, until });
    setTimeout(() => {
      if (typing?.get(userId)?.until === until) typing.delete(userId);
      state.changed();
    }, TYPING_TIMEOUT_MS);
  }
  state.changed();
}

function onMessage(state: LiveState, message: Message): void {
  const { conversationId, senderId, senderType } = message;
  if (!state.list.addMessage(message)) state.list.refresh();
  state.threads.get(conversationId)?.typing.delete(senderId);
  if (senderType === "customer" && state.isReadOnView(conversationId)) state.markRead(conversationId);
  state.changed();
}

function onUpdate(state: LiveState, change: MessageUpdate): void {
  state.list.update(change);
  if (change.erased) {
    state.threads.get(change.conversationId)?.forget(change);
    state.discardComposedFrom(change);
  }
  state.changed();
}

export function subscribe(client: DeskClient, state: LiveState): void {
  client.on("message", (message) => onMessage(state, message));
  client.on("updated", (change) => onUpdate(state, change));
  client.on("typing", (typing) => onTyping(state, typing));
  client.on("read", state.changed);
  client.on("reloaded", state.changed);
  client.socket.onAny((event: keyof Handlers, payload) => {
    HANDLERS[event]?.(state, payload as never);
    state.changed();
  });
}
