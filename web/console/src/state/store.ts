// State of the signed-in console, and the actions of its user. Subscribers are called once for several changes.

import {
  DeskClient,
  type MessageUpdate,
  type PersonIdentity,
  RequestError,
  type SendMessage,
  type State,
} from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { DEFAULT } from "../categories";
import { explain } from "../components/error-text";
import type { Insertion } from "../insertion";
import type { Agent, Category, Conversation, Presence, Priority, Status, Team } from "../types";
import { pathOf, readAddress } from "./address";
import { CannedReplies } from "./canned-replies";
import { Closing } from "./closing";
import type { Composition } from "./composition";
import { Compositions } from "./compositions";
import { ConversationList } from "./conversation-list";
import { RowDensity } from "./density";
import { type LiveState, subscribe } from "./events";
import { Inbox } from "./inbox";
import { Notifications } from "./notifications";
import { OwnUnread } from "./own-unread";
import { findHit } from "./search-hit";
import { Selection } from "./selection";
import type { Credentials } from "./session";
import { Thread } from "./thread";
import { Undo } from "./undo";

export type Notice = "connecting" | "offline" | "recovered" | "resynchronized" | null;
export type Overlay = "palette" | "help" | "notifications" | "transfer" | "why" | "view" | "photo";

const NOTICE_MS = 4000;
const TOAST_MS = 6000;
const JOIN_INTERVAL_MS = 100;
const RELOAD_MS = 3000;
const OUTBOX_KEY = "hummdesk.outbox.";

export class Store implements LiveState {
  me: PersonIdentity | null = null;
  notice: Notice = "connecting";
  toast: string | null = null;
  overlay: Overlay | null = null;
  agents = new Map<string, Agent>();
  teams: Team[] = [];
  categories = DEFAULT;
  openId: string | null = null;
  settings: string[] | null = null;
  supervisor: string[] | null = null;
  threads = new Map<string, Thread>();
  dismissedDrafts = new Set<string>();
  readonly client: DeskClient;
  readonly list: ConversationList;
  readonly inbox: Inbox;
  readonly ownUnread: OwnUnread;
  readonly selection: Selection;
  readonly density: RowDensity;
  readonly compositions: Compositions;
  readonly insertions = new Map<string, Insertion>();
  readonly canned: CannedReplies;
  readonly closing: Closing;
  readonly undo: Undo;
  readonly notifications: Notifications;
  private readonly end = new AbortController();
  // Aborted when the user is signed out.
  readonly ended = this.end.signal;
  private listeners = new Set<() => void>();
  private isDirty = false;
  private noticeTimer = 0;
  private toastTimer = 0;
  private directoryTimer = 0;
  private joinedAt = -JOIN_INTERVAL_MS;

  // `onSignOut` receives a reason unless the user has signed out.
  constructor(
    readonly credentials: Credentials,
    private readonly onSignOut: (reason: string | null) => void,
  ) {
    const persistence = { storage: sessionStorage, key: OUTBOX_KEY + credentials.userId };
    this.compositions = new Compositions(localStorage, credentials.userId);
    this.client = new DeskClient({ token: credentials.token, persistence });
    this.inbox = new Inbox(this.client, this.changed);
    this.list = new ConversationList(this.client, this.changed, this.inbox, () => this.go(this.pathOf(this.openId)));
    this.ownUnread = new OwnUnread(this.client, this.list);
    this.inbox.onView = (viewId) => viewId === this.list.view && void this.list.load();
    this.canned = new CannedReplies(credentials, this.changed);
    this.undo = new Undo(this.changed);
    this.closing = new Closing(this);
    this.selection = new Selection(this);
    this.density = new RowDensity(localStorage, credentials.userId, this.changed);
    this.client.on("person", (person) => this.onPerson(person));
    this.client.on("state", (state) => void this.onState(state));
    this.client.on("refused", (error) => this.signOut(explain(error)));
    this.client.outbox.on("changed", this.changed);
    subscribe(this.client, this);
    this.notifications = new Notifications(this); // after the events have changed the list
    window.addEventListener("online", this.reconnect);
    window.addEventListener("popstate", this.showAddress);
    window.addEventListener("storage", this.onStorage);
    window.addEventListener("pagehide", this.finish);
    this.showAddress();
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
    return this.client.state !== "offline" && this.client.state !== "connecting";
  }

  get canReply(): boolean {
    return this.me?.role === "agent" || this.me?.role === "admin";
  }

  get isAdmin(): boolean {
    return this.me?.role === "admin";
  }

  get ownAgent(): Agent | undefined {
    return this.me ? this.agents.get(this.me.userId) : undefined;
  }

  get thread(): Thread | undefined {
    return this.openId ? this.threads.get(this.openId) : undefined;
  }

  get conversation(): Conversation | undefined {
    return this.openId ? this.list.known.get(this.openId) : undefined;
  }

  nameOf(agentId: string | undefined): string {
    if (!agentId) return t("console.unassigned");
    if (agentId === this.me?.userId) return this.ownAgent?.name ?? t("console.you");
    return this.agents.get(agentId)?.name ?? t("console.aColleague");
  }

  // Whether opening the conversation marks it as read for the user now: the setting of the account decides.
  isReadOnView(conversationId: string): boolean {
    const isAssignee = this.list.known.get(conversationId)?.assignedTo === this.me?.userId;
    const isInView = document.visibilityState === "visible" && this.thread?.reading.isAtEnd;
    const isShown = this.openId === conversationId && isInView;
    return isShown === true && isAssignee && this.thread?.readOnView === "assignee";
  }

  signOut(reason: string | null = null): void {
    window.removeEventListener("online", this.reconnect);
    window.removeEventListener("popstate", this.showAddress);
    window.removeEventListener("storage", this.onStorage);
    window.removeEventListener("pagehide", this.finish);
    this.finish();
    this.end.abort();
    this.notifications.end();
    if (reason === null) history.replaceState(null, "", "/"); // another user may sign in
    this.client.close();
    this.credentials.end(reason === null);
    this.onSignOut(reason);
  }

  private onStorage = ({ key }: StorageEvent): void => {
    if (key) this.compositions.refresh(key);
  };
  // Carry out what could still be undone.
  private finish = (): void => this.undo.finish();

  openOperations = (): void => location.assign("/ops");

  reconnect = (): void => {
    const { socket } = this.client;
    if (!socket.connected) socket.disconnect().connect();
  };

  private onPerson(person: PersonIdentity): void {
    if (person.role === "customer") {
      this.signOut(t("console.staffOnly"));
      return;
    }
    if (this.me && this.me.epoch !== person.epoch) this.list.clear();
    this.list.userId = person.userId;
    this.me = person;
    this.changed();
  }

  private async onState(state: State): Promise<void> {
    if (state === "offline" || state === "connecting") {
      for (const thread of this.threads.values()) thread.typing.clear();
      this.showNotice(this.me ? "offline" : "connecting");
      return;
    }
    this.showNotice(state === "online" ? null : state);
    this.leaveOthers();
    // A recovery delivers missed conversations and messages, but not presence, viewers and AI results.
    await Promise.all([state !== "recovered" && this.list.load(), this.loadAgents(), this.refreshThread()]);
    if (this.openId && this.thread?.state !== "ready") await this.join(this.openId);
  }

  // Load agents, teams, labels and names of categories, also after a change in the settings.
  async loadAgents(): Promise<void> {
    await this.attempt(async () => {
      await this.loadDirectory();
      // A server of an older version answers without tags.
      this.categories = { ...DEFAULT, ...(await this.client.request("get_categories")) };
      await this.inbox.load();
      await this.ownUnread.load(this.inbox.counts?.mine ?? 0);
    });
  }

  private async loadDirectory(): Promise<void> {
    const { agents } = await this.client.request("get_presence");
    this.agents = new Map(agents.map((agent) => [agent.agentId, agent]));
    this.teams = (await this.client.request("get_teams")).teams;
    this.changed();
  }

  // Somebody has changed agents or teams. All consoles of the account are notified at once: each loads at a random time.
  loadDirectorySoon = (): void => {
    this.directoryTimer ||= window.setTimeout(
      () => {
        this.directoryTimer = 0;
        // A failure is of a lost connection, or of a server that closes it: both are loaded after the reconnect.
        if (this.isOnline) this.loadDirectory().catch(() => {});
      },
      RELOAD_MS * (1 + Math.random()),
    );
  };

  private async refreshThread(): Promise<void> {
    const { openId, thread } = this;
    if (!openId || thread?.state !== "ready") return;
    const afterSeq = thread.history.lastSeq;
    await this.attempt(async () => {
      const joined = await this.client.request("join_conversation", { conversationId: openId, afterSeq });
      this.list.put(joined.conversation);
      thread.refresh(joined);
    });
  }

  private showNotice(notice: Notice): void {
    clearTimeout(this.noticeTimer);
    this.notice = notice;
    if (notice === "recovered" || notice === "resynchronized")
      this.noticeTimer = window.setTimeout(() => this.showNotice(null), NOTICE_MS);
    this.changed();
  }

  showToast(toast: string | null): void {
    clearTimeout(this.toastTimer);
    this.toast = toast;
    if (toast) this.toastTimer = window.setTimeout(() => this.showToast(null), TOAST_MS);
    this.changed();
  }

  showOverlay(overlay: Overlay): void {
    this.overlay = overlay;
    this.changed();
  }

  // The browser reports a closed dialog in a later task; a key pressed in between may have opened another overlay.
  closeOverlay(overlay: Overlay): void {
    if (this.overlay === overlay) this.overlay = null;
    this.changed();
  }

  // Run an action, and show a toast if it fails. Returns whether it succeeded.
  async attempt(action: () => Promise<void>): Promise<boolean> {
    let isDone = false;
    try {
      await action();
      isDone = true;
    } catch (failure) {
      this.showToast(failure instanceof RequestError ? explain(failure.error) : t("common.noResponse"));
    }
    this.changed();
    return isDone;
  }

  open(conversationId: string | null): void {
    const { thread, openId } = this;
    this.go(this.pathOf(conversationId));
    if (openId && openId === conversationId && thread?.state === "ready") void findHit(this, thread, openId);
  }

  // The address of a conversation, beside the list with its present filters.
  pathOf(conversationId: string | null): string {
    return pathOf(conversationId, this.list);
  }

  // Go to an address of the console, which becomes an entry of the browser's history.
  go(path: string): void {
    if (path !== location.pathname + location.search) history.pushState(null, "", path);
    this.showAddress();
  }

  private showAddress = (): void => {
    const { conversationId, settings, supervisor, filters } = readAddress();
    this.settings = settings;
    this.supervisor = supervisor;
    this.openId = conversationId;
    this.list.openId = conversationId;
    if (this.isOnline) this.leaveOthers();
    const isFiltered = !settings && !supervisor && this.list.take(filters);
    if (isFiltered && this.isOnline) void this.list.load();
    if (conversationId && !this.threads.has(conversationId)) {
      const thread = new Thread();
      this.threads.set(conversationId, thread);
      if (this.isOnline) void this.joinInTurn(conversationId, thread); // else when the client is connected
    }
    this.changed();
  };

  // Leave the conversations that are not open. They stay readable while the client is offline.
  private leaveOthers(): void {
    for (const conversationId of this.threads.keys()) {
      if (conversationId === this.openId) continue;
      if (this.client.history(conversationId)) this.client.leave(conversationId);
      this.threads.delete(conversationId);
    }
  }

  // Join at most one conversation in an interval. Those passed by meanwhile, as with a key held down, are not joined:
  // the requests would exceed the rate limit of a socket.
  private async joinInTurn(conversationId: string, thread: Thread): Promise<void> {
    const waitMs = this.joinedAt + JOIN_INTERVAL_MS - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (this.threads.get(conversationId) !== thread || thread.state === "ready" || !this.isOnline) return;
    this.joinedAt = performance.now();
    await this.join(conversationId);
  }

  async join(conversationId: string): Promise<void> {
    const thread = this.threads.get(conversationId) ?? new Thread();
    this.threads.set(conversationId, thread);
    const unread = this.list.unread.of(conversationId);
    try {
      const { history, joined } = await this.client.join(conversationId);
      this.list.put(joined.conversation);
      thread.open(history, joined, unread);
      void findHit(this, thread, conversationId);
    } catch {
      if (thread.state !== "ready") thread.state = "failed";
    }
    this.changed();
  }

  async loadOlder(): Promise<void> {
    const { thread, openId } = this;
    if (!thread?.history.hasMore || !openId || thread.isLoadingOlder) return;
    thread.isLoadingOlder = true;
    this.changed();
    await this.attempt(() => this.client.loadOlder(openId));
    thread.isLoadingOlder = false;
    this.changed();
  }

  markRead(conversationId: string): void {
    const { messages } = this.threads.get(conversationId)?.history ?? { messages: [] };
    const last = messages.findLast((one) => one.senderType === "customer");
    if (!last || !this.isOnline || this.list.unread.of(conversationId) === 0) return;
    void this.attempt(async () => {
      await this.client.request("message_read", { conversationId, messageId: last.messageId });
    });
  }

  markUnread(conversationId: string): Promise<boolean> {
    return this.attempt(async () => {
      this.list.unread.change(await this.client.request("mark_unread", { conversationId }));
    });
  }

  toggleRead(conversationId: string): void {
    if (this.list.unread.of(conversationId) > 0) this.markRead(conversationId);
    else void this.markUnread(conversationId);
  }

  send(message: SendMessage): void {
    this.client.outbox.write(message);
  }

  assign(conversationId: string, agentId: string | null): Promise<boolean> {
    return this.attempt(async () => {
      if (agentId === null) await this.client.request("unassign_conversation", { conversationId });
      else {
        const teamId = this.teamFor(conversationId, agentId)?.teamId;
        await this.client.request("assign_conversation", { conversationId, agentId, ...(teamId ? { teamId } : {}) });
        this.list.change(conversationId, { assignedTo: agentId });
      }
    });
  }

  // The team with which a conversation is assigned to an agent: its own if the agent is a member.
  teamFor(conversationId: string, agentId: string): Team | undefined {
    const own = this.list.known.get(conversationId)?.assignedTeam;
    const teams = this.teams.filter((team) => team.agentIds.includes(agentId));
    return teams.find((team) => team.teamId === own) ?? teams[0];
  }

  setStatus(conversationId: string, status: Status): Promise<boolean> {
    return this.attempt(async () => {
      await this.client.request("update_conversation_status", { conversationId, status });
      this.list.change(conversationId, { status });
    });
  }

  setPresence(status: Presence): Promise<boolean> {
    return this.attempt(async () => {
      await this.client.request("set_agent_status", { status });
    });
  }

  correct(
    conversationId: string,
    messageId: string,
    change: { category?: Category; priority?: Priority },
  ): Promise<boolean> {
    return this.attempt(async () => {
      await this.client.request("correct_classification", { conversationId, messageId, ...change });
    });
  }

  compositionOf(conversationId: string): Composition {
    return this.compositions.of(conversationId);
  }

  // Change the unsent text and attachments, or discard them with null. Only subscribers of compositions are called.
  compose(conversationId: string, change: Partial<Composition> | null): void {
    if (change === null) this.compositions.discard(conversationId);
    else this.compositions.change(conversationId, change);
  }

  // Discard unsent text that began as an AI draft about an erased message.
  discardComposedFrom({ conversationId, seq }: MessageUpdate): void {
    this.compositions.discardBasedOn(conversationId, seq);
  }

  dismissDraft(messageId: string): void {
    this.dismissedDrafts.add(messageId);
    this.changed();
  }
}
