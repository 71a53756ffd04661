// What each event of the desk changes.

import type { Desk } from "./desk";
import type { Agent, Classification, Conversation, Draft, Message, Presence, Receipt, Status, Viewer } from "./types";

type About<T> = T & { conversationId: string };

const TYPING_MS = 6000;

const HEARD: Record<string, (desk: Desk, payload: never) => void> = {
  new_message(desk: Desk, message: Message) {
    const isRead = desk.isBeingRead(message.conversationId);
    if (!desk.list.heard(message, isRead)) void desk.list.load();
    desk.threads.get(message.conversationId)?.add([message]);
    if (message.clientMessageId) desk.outbox.arrived(message.clientMessageId);
    if (isRead && message.senderType === "customer") desk.markRead(message.conversationId);
  },
  message_read(desk: Desk, receipt: About<Receipt>) {
    desk.threads.get(receipt.conversationId)?.heardOf(receipt);
  },
  typing_start(desk: Desk, typist: About<{ userId: string; userName: string }>) {
    const until = Date.now() + TYPING_MS;
    desk.threads.get(typist.conversationId)?.typing.set(typist.userId, { name: typist.userName, until });
    setTimeout(() => {
      const typing = desk.threads.get(typist.conversationId)?.typing;
      if ((typing?.get(typist.userId)?.until ?? Infinity) <= Date.now()) typing?.delete(typist.userId);
      desk.changed();
    }, TYPING_MS + 50);
  },
  typing_stop(desk: Desk, typist: About<{ userId: string }>) {
    desk.threads.get(typist.conversationId)?.typing.delete(typist.userId);
  },
  conversation_created(desk: Desk, conversation: Conversation) {
    desk.list.put(conversation);
  },
  conversation_updated(desk: Desk, conversation: Conversation) {
    desk.list.put(conversation);
  },
  conversation_status_changed(desk: Desk, change: About<{ newStatus: Status }>) {
    desk.list.change(change.conversationId, { status: change.newStatus });
  },
  conversation_assigned(desk: Desk, change: About<{ assignedTo: string; assignedBy: string }>) {
    desk.list.change(change.conversationId, { assignedTo: change.assignedTo });
    if (change.assignedTo !== desk.me?.userId || change.assignedBy === desk.me.userId) return;
    const customer = desk.list.known.get(change.conversationId)?.customer.name;
    desk.tell(`${desk.nameOf(change.assignedBy)} assigned ${customer ?? "a conversation"} to you`);
  },
  conversation_viewers(desk: Desk, told: About<{ viewers: Viewer[] }>) {
    const thread = desk.threads.get(told.conversationId);
    if (thread) thread.viewers = told.viewers;
  },
  agent_online(desk: Desk, agent: Agent) {
    desk.agents.set(agent.agentId, agent);
  },
  agent_offline(desk: Desk, agent: Agent) {
    desk.agents.set(agent.agentId, { ...agent, status: "offline" });
  },
  agent_status_changed(desk: Desk, change: { agentId: string; newStatus: Presence }) {
    const agent = desk.agents.get(change.agentId);
    if (agent) desk.agents.set(change.agentId, { ...agent, status: change.newStatus });
  },
  ai_processing_started(desk: Desk, run: About<object>) {
    think(desk, run.conversationId, true);
  },
  ai_processing_completed(desk: Desk, run: About<object>) {
    think(desk, run.conversationId, false);
  },
  ai_error(desk: Desk, run: About<object>) {
    think(desk, run.conversationId, false);
  },
  ai_classification(desk: Desk, found: Classification) {
    const thread = desk.threads.get(found.conversationId);
    if (thread) thread.classification = found;
  },
  ai_draft(desk: Desk, draft: Draft) {
    const thread = desk.threads.get(draft.conversationId);
    if (thread) thread.draft = draft;
  },
};

function think(desk: Desk, conversationId: string, isThinking: boolean): void {
  const thread = desk.threads.get(conversationId);
  if (thread) thread.isThinking = isThinking;
}

export function hear(desk: Desk, event: string, payload: unknown): void {
  HEARD[event]?.(desk, payload as never);
  desk.changed();
}
