// All that the console knows, and what a person can do with it. `changed` redraws.

import { Desk as Connection, type PersonIdentity, Refused, type SendMessage, type State } from "@hummdesk/client";
import { type Composition, EMPTY } from "./composition";
import { hear } from "./hearing";
import { ConversationList } from "./list";
import { claimed } from "./session";
import { Thread } from "./thread";
import type { Agent, Category, Conversation, Presence, Priority, Status, Team } from "./types";

export type Notice = "connecting" | "offline" | "recovered" | "resynchronized" | null;

const NOTICE_MS = 4000;
const TOAST_MS = 6000;
const KEPT = "hummdesk.outbox.";

export class Desk {
  me: PersonIdentity | null = null;
  notice: Notice = "connecting";
  toast: string | null = null;
  agents = new Map<string, Agent>();
  teams: Team[] = [];
  openId: string | null = null;
  threads = new Map<string, Thread>();
  dismissed = new Set<string>();
  readonly connection: Connection;
  list: ConversationList;
  private compositions = new Map<string, Composition>();
  private listeners = new Set<() => void>();
  private isDirty = false;
  private noticeTimer = 0;
  private toastTimer = 0;

  // `signOut` is told why, if that was not the person's wish.
  constructor(
    token: string,
    private readonly signOut: (reason: string | null) => void,
  ) {
    const keeping = { storage: sessionStorage, key: KEPT + claimed(token) };
    this.connection = new Connection({ token: () => token, keeping });
    this.list = new ConversationList(this.connection, "", this.changed);
    this.connection.on("person", (person) => this.meet(person));
    this.connection.on("state", (state) => void this.become(state));
    this.connection.on("refused", (error) => this.leave(error.message));
    this.connection.outbox.on("changed", this.changed);
    hear(this);
    window.addEventListener("online", this.retry);
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

  get isOnline(): boolean {
    return this.connection.state !== "offline" && this.connection.state !== "connecting";
  }

  get mayAnswer(): boolean {
    return this.me?.role === "agent" || this.me?.role === "admin";
  }

  get isAdmin(): boolean {
    return this.me?.role === "admin";
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

  leave(reason: string | null = null): void {
    window.removeEventListener("online", this.retry);
    this.connection.close();
    this.signOut(reason);
  }

  // The other page of the admins; the token of this tab is good there, too.
  watch = (): void => location.assign("/ops");

  retry = (): void => {
    const { socket } = this.connection;
    if (!socket.connected) socket.disconnect().connect();
  };

  private meet(person: PersonIdentity): void {
    if (person.role === "customer") {
      this.leave("This is the console of the staff. Customers write in the widget.");
      return;
    }
    if (this.me === null) this.list = new ConversationList(this.connection, person.userId, this.changed);
    this.me = person;
    this.changed();
  }

  private async become(state: State): Promise<void> {
    if (state === "offline" || state === "connecting") {
      for (const thread of this.threads.values()) thread.typing.clear();
      this.say(this.me ? "offline" : "connecting");
      return;
    }
    this.say(state === "online" ? null : state);
    // Conversations and messages come by themselves after a recovery; who is there does not.
    await Promise.all([state !== "recovered" && this.list.load(), this.look(), this.lookAgain()]);
    if (this.openId && this.thread?.state !== "ready") await this.join(this.openId);
  }

  private async look(): Promise<void> {
    await this.attempt(async () => {
      const { agents } = await this.connection.ask("get_presence");
      this.agents = new Map(agents.map((agent) => [agent.agentId, agent]));
      this.teams = (await this.connection.ask("get_teams")).teams;
    });
  }

  // The messages came by themselves; who else is looking and what the AI has found did not.
  private async lookAgain(): Promise<void> {
    const { openId, thread } = this;
    if (!openId || thread?.state !== "ready") return;
    const afterSeq = thread.history.lastSeq;
    await this.attempt(async () => {
      thread.look(await this.connection.ask("join_conversation", { conversationId: openId, afterSeq }));
    });
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
      this.connection.leave(this.openId);
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
      const { history, joined } = await this.connection.join(conversationId);
      this.list.put(joined.conversation);
      thread.open(history, joined);
    } catch {
      if (thread.state !== "ready") thread.state = "failed";
    }
    this.changed();
  }

  async older(): Promise<void> {
    const { thread, openId } = this;
    if (!thread?.history.hasMore || !openId || thread.isLoadingOlder) return;
    thread.isLoadingOlder = true;
    this.changed();
    await this.attempt(() => this.connection.loadOlder(openId));
    thread.isLoadingOlder = false;
    this.changed();
  }

  markRead(conversationId: string): void {
    const { messages } = this.threads.get(conversationId)?.history ?? { messages: [] };
    const last = messages.findLast((one) => one.senderType === "customer");
    if (!last || !this.isOnline || !this.isBeingRead(conversationId)) return;
    this.connection.socket.emit("message_read", { conversationId, messageId: last.messageId });
    this.list.change(conversationId, { unreadCount: 0 });
  }

  write(message: SendMessage): void {
    this.connection.outbox.write(message);
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
    change: { category?: Category; priority?: Priority },
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
