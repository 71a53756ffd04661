// What each event of the desk changes.

import type { Message, ServerToClientEvents, Typing } from "@hummdesk/client";
import type { Desk } from "./desk";

const TYPING_MS = 6000;

type Heard = {
  [Name in keyof ServerToClientEvents]?: (desk: Desk, payload: Parameters<ServerToClientEvents[Name]>[0]) => void;
};

const HEARD: Heard = {
  conversation_created(desk, conversation) {
    desk.list.put(conversation);
  },
  conversation_updated(desk, conversation) {
    desk.list.put(conversation);
  },
  conversation_status_changed(desk, change) {
    desk.list.change(change.conversationId, { status: change.newStatus });
  },
  conversation_assigned(desk, change) {
    desk.list.change(change.conversationId, { assignedTo: change.assignedTo });
    if (change.assignedTo !== desk.me?.userId || change.assignedBy === desk.me.userId) return;
    const customer = desk.list.known.get(change.conversationId)?.customer.name;
    desk.tell(`${desk.nameOf(change.assignedBy)} assigned ${customer ?? "a conversation"} to you`);
  },
  conversation_viewers(desk, told) {
    const thread = desk.threads.get(told.conversationId);
    if (thread) thread.viewers = told.viewers;
  },
  agent_online(desk, agent) {
    desk.agents.set(agent.agentId, agent);
  },
  agent_offline(desk, agent) {
    desk.agents.set(agent.agentId, { ...agent, status: "offline" });
  },
  agent_status_changed(desk, change) {
    const agent = desk.agents.get(change.agentId);
    if (agent) desk.agents.set(change.agentId, { ...agent, status: change.newStatus });
  },
  ai_processing_started(desk, run) {
    think(desk, run.conversationId, true);
  },
  ai_processing_completed(desk, run) {
    think(desk, run.conversationId, false);
  },
  ai_error(desk, run) {
    think(desk, run.conversationId, false);
  },
  ai_classification(desk, found) {
    desk.threads.get(found.conversationId)?.classify(found);
  },
  classification_corrected(desk, { conversationId, messageId, category, priority }) {
    const found = desk.threads.get(conversationId)?.classification;
    if (found?.messageId !== messageId) return;
    if (category) found.classification.category = category;
    if (priority) found.classification.priority = priority;
  },
  ai_draft(desk, draft) {
    desk.threads.get(draft.conversationId)?.suggest(draft);
  },
};

function think(desk: Desk, conversationId: string, isThinking: boolean): void {
  const thread = desk.threads.get(conversationId);
  if (thread) thread.isThinking = isThinking;
}

function type(desk: Desk, { conversationId, userId, userName, isTyping }: Typing & { isTyping: boolean }): void {
  const typing = desk.threads.get(conversationId)?.typing;
  if (!isTyping) typing?.delete(userId);
  else {
    const until = Date.now() + TYPING_MS;
    typing?.set(userId, { name: userName, until });
    setTimeout(() => {
      if (typing?.get(userId)?.until === until) typing.delete(userId);
      desk.changed();
    }, TYPING_MS);
  }
  desk.changed();
}

function say(desk: Desk, message: Message): void {
  const { conversationId, senderId, senderType } = message;
  const isRead = desk.isBeingRead(conversationId);
  if (!desk.list.heard(message, isRead)) void desk.list.load();
  desk.threads.get(conversationId)?.typing.delete(senderId);
  if (isRead && senderType === "customer") desk.markRead(conversationId);
  desk.changed();
}

export function hear(desk: Desk): void {
  const { connection } = desk;
  connection.on("message", (message) => say(desk, message));
  connection.on("typing", (typing) => type(desk, typing));
  connection.on("read", desk.changed);
  connection.on("reloaded", desk.changed);
  connection.socket.onAny((event: keyof Heard, payload) => {
    HEARD[event]?.(desk, payload as never);
    desk.changed();
  });
}
