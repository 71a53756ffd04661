// All that the console knows, and what a person can do with it. `changed` redraws.

import { type Composition, EMPTY } from "./composition";
import { Connection, type Phase, Refused } from "./connection";
import { hear } from "./hearing";
import { ConversationList } from "./list";
import { Outbox, type Written } from "./outbox";
import { type Opened, Thread } from "./thread";
import type { Agent, Conversation, Message, Person, Presence, Priority, Problem, Status, Team } from "./types";

export type Notice = "connecting" | "offline" | "recovered" | "resynchronized" | null;

const NOTICE_MS = 4000;
const TOAST_MS = 6000;
const TYPING_MS = 2500;
const OLDER = 50;

export class Desk {
  me: Person | null = null;
  notice: Notice = "connecting";
  refusal: Problem | null = null;
  toast: string | null = null;
  agents = new Map<string, Agent>();
  teams: Team[] = [];
  openId: string | null = null;
  threads = new Map<string, Thread>();
  dismissed = new Set<string>();
  private compositions = new Map<string, Composition>();
  readonly connection: Connection;
  list: ConversationList;
  outbox: Outbox;
  private listeners = new Set<() => void>();
  private isDirty = false;
  private noticeTimer = 0;
  private toastTimer = 0;
  private typedAt = 0;

  constructor(
    token: string,
    private readonly signOut: (problem: Problem | null) => void,
  ) {
    this.connection = new Connection(token, {
      arrived: (person, recovered) => void this.arrived(person, recovered),
      lost: () => this.lost(),
      refused: (problem) => this.leave(problem),
      heard: (event, payload) => hear(this, event, payload),
    });
    this.list = new ConversationList(this.connection, "", this.changed);
    this.outbox = new Outbox(this.connection, "", this.changed);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed = (): void => {
    if (this.isDirty) return;
    this.isDirty = true;
    queueMicrotask(() => {
      this.isDirty = false;
      for (const listener of this.listeners) listener();
    });
  };

  get phase(): Phase {
    return this.connection.phase;
  }

  get mayAnswer(): boolean {
    return this.me?.role === "agent" || this.me?.role === "admin";
  }

  get myself(): Agent | undefined {
    return this.me ? this.agents.get(this.me.userId) : undefined;
  }

  get thread(): Thread | undefined {
    return this.openId ? this.threads.get(this.openId) : undefined;
  }

  get conversation(): Conversation | undefined {
    return this.openId ? this.list.known.get(this.openId) : undefined;
  }

  nameOf(agentId: string | undefined): string {
    if (!agentId) return "Unassigned";
    if (agentId === this.me?.userId) return this.myself?.name ?? "You";
    return this.agents.get(agentId)?.name ?? "A colleague";
  }

  isBeingRead(conversationId: string): boolean {
    return this.openId === conversationId && this.mayAnswer && document.visibilityState === "visible";
  }

  leave(problem: Problem | null = null): void {
    this.connection.close();
    this.signOut(problem);
  }

  private async arrived(person: Person, recovered: boolean): Promise<void> {
    if (person.role === "customer") {
      this.leave({ code: "FORBIDDEN", message: "This is the console of the staff. Customers write in the widget." });
      return;
    }
    const isFirst = this.me === null;
    if (isFirst) {
      this.list = new ConversationList(this.connection, person.userId, this.changed);
      this.outbox = new Outbox(this.connection, person.userId, this.changed);
    }
    this.me = person;
    if (!recovered) await this.catchUp();
    this.say(isFirst ? null : recovered ? "recovered" : "resynchronized");
    void this.outbox.send();
  }

  private async catchUp(): Promise<void> {
    await Promise.all([this.list.load(), this.meet(), ...(this.openId ? [this.join(this.openId)] : [])]);
    for (const id of this.threads.keys()) if (id !== this.openId) this.threads.delete(id);
  }

  private async meet(): Promise<void> {
    await this.attempt(async () => {
      const { agents } = await this.connection.ask<{ agents: Agent[] }>("get_presence");
      this.agents = new Map(agents.map((agent) => [agent.agentId, agent]));
      this.teams = (await this.connection.ask<{ teams: Team[] }>("get_teams")).teams;
    });
  }

  private lost(): void {
    for (const thread of this.threads.values()) thread.typing.clear();
    this.say(this.me ? "offline" : "connecting");
  }

  private say(notice: Notice): void {
    clearTimeout(this.noticeTimer);
    this.notice = notice;
    if (notice === "recovered" || notice === "resynchronized")
      this.noticeTimer = window.setTimeout(() => this.say(null), NOTICE_MS);
    this.changed();
  }

  tell(toast: string | null): void {
    clearTimeout(this.toastTimer);
    this.toast = toast;
    if (toast) this.toastTimer = window.setTimeout(() => this.tell(null), TOAST_MS);
    this.changed();
  }

  // Does it, or says why not.
  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (fault) {
      this.tell(fault instanceof Refused ? fault.message : "That did not reach the desk. Try again.");
    }
    this.changed();
  }

  open(conversationId: string | null): void {
    if (this.openId && this.openId !== conversationId) {
      this.connection.tell("leave_conversation", { conversationId: this.openId });
      this.threads.delete(this.openId);
    }
    this.openId = conversationId;
    if (conversationId && !this.threads.has(conversationId)) void this.join(conversationId);
    this.changed();
  }

  async join(conversationId: string): Promise<void> {
    const thread = this.threads.get(conversationId) ?? new Thread();
    this.threads.set(conversationId, thread);
    try {
      const opened = await this.connection.ask<Opened>("join_conversation", { conversationId });
      this.list.put(opened.conversation);
      thread.open(opened);
    } catch {
      if (thread.state !== "ready") thread.state = "failed";
    }
    this.changed();
  }

  async older(): Promise<void> {
    const { thread, openId } = this;
    const first = thread?.messages[0];
    if (!thread || !first || !thread.hasMore || thread.isLoadingOlder) return;
    thread.isLoadingOlder = true;
    this.changed();
    await this.attempt(async () => {
      const query = { conversationId: openId, beforeSeq: first.seq, limit: OLDER };
      const page = await this.connection.ask<{ messages: Message[]; hasMore: boolean }>("get_messages", query);
      thread.add(page.messages);
      thread.hasMore = page.hasMore;
    });
    thread.isLoadingOlder = false;
    this.changed();
  }

  markRead(conversationId: string): void {
    const last = this.threads.get(conversationId)?.messages.findLast((one) => one.senderType === "customer");
    if (!last || !this.isBeingRead(conversationId)) return;
    this.connection.tell("message_read", { conversationId, messageId: last.messageId });
    this.list.change(conversationId, { unreadCount: 0 });
  }

  write(written: Written): void {
    this.typedAt = 0;
    this.outbox.write(written);
  }

  typing(conversationId: string, isTyping: boolean): void {
    const now = Date.now();
    if (isTyping && now - this.typedAt < TYPING_MS) return;
    if (!isTyping && this.typedAt === 0) return;
    this.typedAt = isTyping ? now : 0;
    this.connection.tell(isTyping ? "typing_start" : "typing_stop", { conversationId });
  }

  assign(conversationId: string, agentId: string | null, teamId?: string): Promise<void> {
    return this.attempt(async () => {
      if (agentId === null) await this.connection.ask("unassign_conversation", { conversationId });
      else await this.connection.ask("assign_conversation", { conversationId, agentId, ...(teamId ? { teamId } : {}) });
    });
  }

  setStatus(conversationId: string, status: Status): Promise<void> {
    return this.attempt(async () => {
      await this.connection.ask("update_conversation_status", { conversationId, status });
    });
  }

  setPresence(status: Presence): Promise<void> {
    return this.attempt(async () => {
      await this.connection.ask("set_agent_status", { status });
    });
  }

  correct(
    conversationId: string,
    messageId: string,
    change: { category?: string; priority?: Priority },
  ): Promise<void> {
    return this.attempt(async () => {
      await this.connection.ask("correct_classification", { conversationId, messageId, ...change });
    });
  }

  compositionOf(conversationId: string): Composition {
    return this.compositions.get(conversationId) ?? EMPTY;
  }

  // null: it was sent.
  compose(conversationId: string, change: Partial<Composition> | null): void {
    if (change === null) this.compositions.delete(conversationId);
    else this.compositions.set(conversationId, { ...this.compositionOf(conversationId), ...change });
    this.changed();
  }

  dismissDraft(messageId: string): void {
    this.dismissed.add(messageId);
    this.changed();
  }
}
