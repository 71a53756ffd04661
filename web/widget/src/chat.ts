import {
  type Answers,
  type AvailabilityAnswer,
  type Conversation,
  DeskClient,
  type ErrorReport,
  type History,
  type Message,
  type MessageUpdate,
  type PendingMessage,
  type QueuePlace,
  RequestError,
  type State,
  type StateDetails,
} from "@hummdesk/client";
import { type Attachment, type Server, untilExpiry } from "@hummdesk/client/files";
import { language } from "@hummdesk/texts";
import { Conversations } from "./conversations.js";
import { Drafts } from "./drafts.js";
import { ChatFiles } from "./files.js";
import type { Identity, Visitor } from "./visitor.js";

const TYPING_TIMEOUT_MS = 6000;
const RETRY_MS = 2000;
const PAGE = 20;
/** A page that is left sooner is not reported. On in-page navigation, the title follows the path. */
const VISIT_MS = 1000;
const LONGEST_TITLE = 200;
const FOLLOWED = 4;

/** Messages written before a conversation exists. The first one starts it, the others follow as its messages. */
interface NewConversation {
  clientMessageId: string;
  texts: string[];
  /**
   * It is to be a conversation of its own, or the server may have started it already: a repeated request with the same id
   * returns the same conversation.
   */
  isTried?: boolean;
}

/** State of the chat: the connection, the visitor's conversations, and the unsent messages. */
export class Chat {
  state: State | "idle" = "idle";
  isOpen: boolean;
  /** Whether the visitor has opened the chat here. One that has stayed open since another page takes no focus. */
  takesFocus = false;
  problem: ErrorReport | undefined;
  typist: string | undefined;
  newConversation: NewConversation | undefined;
  /** The conversation that is shown; undefined before the first one, and for another one that has not started yet. */
  conversationId: string | undefined;
  conversations = new Conversations();
  /** Whether the list of conversations is shown in place of one. */
  isListShown = false;
  /** Unsent text in the field. */
  draft = "";
  /** The last message of the agents that arrived while the chat was closed; until it is opened or dismissed. */
  preview: Message | undefined;
  /** Whether the account is open; undefined until it is known. */
  availability: AvailabilityAnswer | undefined;
  /** Who answers, and how soon; undefined until it is known. */
  introduction: Answers["get_introduction"] | undefined;
  /** A message of the widget's own, which was shown because of a rule of the account. */
  proactive: string | undefined;
  changed: () => void = () => undefined;
  onUnread: (count: number) => void = () => undefined;
  /** Called with each new message of an agent that the visitor is not looking at. */
  onArrival: () => void = () => undefined;
  /** Called when a session with the server has begun, or was recovered. */
  onSession: () => void = () => undefined;
  readonly files: ChatFiles;
  /** Called when the list of conversations has arrived. */
  private onListed: () => void = () => undefined;
  /** Of the visitor of the current connection. */
  private fileToken: Server["token"];
  private client: DeskClient | undefined;
  private readonly drafts: Drafts;
  /** The positions in the queue of the conversations that wait. */
  private readonly queues = new Map<string, Partial<QueuePlace>>();
  /** The first message that was unread when the conversation was shown; undefined if none was. */
  newFrom: number | undefined;
  /** The visitor sees the end of the conversation. */
  private isAtEnd = false;
  private reportedUnread = 0;
  /** Whether the list of conversations is that of the current session. */
  private isListed = false;
  /** The client for which {@link enter} is in progress. */
  private entering: DeskClient | undefined;
  /** The attempt to find out who the visitor is. */
  private settling: object | undefined;
  private marked: string | undefined;
  /** The page that was reported last. */
  private visited: string | undefined;
  private visitTimer: ReturnType<typeof setTimeout> | undefined;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly visitor: Visitor,
  ) {
    this.drafts = new Drafts(visitor.storage);
    this.files = new ChatFiles(this);
    this.fileToken = visitor.token;
    visitor.storage.onForget = () => this.endUploads();
    this.isOpen = visitor.storage.readForTab("open") === "1";
    document.addEventListener("visibilitychange", () => this.markRead());
    if (visitor.isKnown || (this.isOpen && !visitor.isOwnerMissing)) this.connect();
  }

  get unread(): number {
    return this.conversations.unread;
  }

  get conversation(): Conversation | undefined {
    return this.conversations.get(this.conversationId);
  }

  get isClosed(): boolean {
    return this.conversation?.status === "closed";
  }

  /** The visitor's rating of the closed conversation. */
  get rating(): number | undefined {
    return this.isClosed ? this.conversation?.rating : undefined;
  }

  /** The position of the conversation in the queue; undefined if it does not wait. */
  get queue(): Partial<QueuePlace> | undefined {
    return this.conversationId === undefined ? undefined : this.queues.get(this.conversationId);
  }

  /** Whether nothing is known of the visitor by which to reach them, and they were not asked yet. */
  get isUnreachable(): boolean {
    const email = this.conversations.all[0]?.customer.email ?? ".invalid";
    return !this.visitor.isIdentified && email.endsWith(".invalid") && this.visitor.storage.read("details") === null;
  }

  /** Whether the visitor has not begun any conversation, as far as is known. */
  get isNew(): boolean {
    return (
      this.conversationId === undefined && this.conversations.all.length === 0 && !this.newConversation?.texts.length
    );
  }

  /** Whether the visitor has written here. */
  get hasWritten(): boolean {
    return this.history?.messages.some(({ senderType }) => senderType === "customer") ?? false;
  }

  get history(): History | undefined {
    return this.conversationId === undefined ? undefined : this.client?.history(this.conversationId);
  }

  get pending(): PendingMessage[] {
    return this.conversationId === undefined ? [] : (this.client?.outbox.of(this.conversationId) ?? []);
  }

  open(): void {
    this.setOpen(true);
    this.takesFocus = true;
    this.preview = undefined;
    this.connect();
    this.resetReading();
  }

  close(): void {
    this.setOpen(false);
    this.changed();
  }

  identify(identity: Identity): void {
    this.disconnect();
    this.visitor.identify(identity);
    this.connect();
  }

  logout(): void {
    this.disconnect();
    this.visitor.forget();
    this.close();
  }

  write(content: string): void {
    this.setDraft("");
    const { client, conversationId } = this;
    if (client && conversationId !== undefined) client.outbox.write({ conversationId, content });
    else {
      const { clientMessageId = crypto.randomUUID(), texts = [], ...more } = this.newConversation ?? {};
      this.storeNew({ clientMessageId, texts: [...texts, content], ...more });
      if (client) void this.enter(client);
    }
    this.changed();
  }

  /** The origin of the server, a token for it, and the language of the chat. */
  get server() {
    return {
      server: this.url,
      token: () => this.fileToken(),
      get language() {
        return language; // which is chosen later
      },
    };
  }

  /** Upload files to the shown conversation, or to one that is started for them. */
  attach(chosen: File[]): void {
    const { client, conversationId, files } = this;
    if (client && conversationId !== undefined) files.uploads.add(conversationId, chosen);
    else {
      files.waiting.push(...chosen);
      if (!this.problem) this.connect();
      if (client) void this.enter(client);
    }
    this.changed();
  }

  /** A message needs a text: the name of the file. */
  sendFile(conversationId: string, file: Attachment): void {
    this.client?.outbox.write({ conversationId, content: file.filename, attachments: [file] });
  }

  /**
   * Store the visitor's name and address; an empty object means that the visitor declined. They are sent once, when
   * connected.
   */
  stateDetails(details: StateDetails): void {
    this.visitor.storage.write("details", JSON.stringify(details));
    this.connect();
    if (this.client) void this.enter(this.client);
    this.takesFocus = true;
    this.changed();
  }

  /**
   * Show a message of the widget's own beside the closed chat, unless the visitor has conversations. Returns whether it
   * is shown, after the list of conversations of a known visitor has arrived.
   */
  async propose(text: string): Promise<boolean> {
    const { storage } = this.visitor;
    if ((this.client || this.settling) && !this.isListed)
      await new Promise<void>((resolve) => {
        this.onListed = resolve;
      });
    if (this.isOpen || !this.isNew || this.visitor.isOwnerMissing || storage.read("current") !== null) return false;
    this.proactive = text;
    this.changed();
    return true;
  }

  /** Report the open page, without query and fragment, to an account that records the pages that visitors open. */
  visit(): void {
    clearTimeout(this.visitTimer);
    this.visitTimer = setTimeout(() => this.report(), VISIT_MS);
  }

  setDraft(text: string): void {
    if (!this.problem) this.connect();
    this.draft = text;
    this.drafts.write(text, this.conversationId);
    this.changed();
  }

  resend(message: PendingMessage): void {
    this.client?.outbox.resend(message);
  }

  type(): void {
    if (this.conversationId !== undefined) this.client?.type(this.conversationId);
  }

  async loadOlder(): Promise<void> {
    if (this.conversationId === undefined) return;
    await this.client?.loadOlder(this.conversationId).catch(() => undefined);
    this.changed();
  }

  /** The visitor has scrolled to the end of the conversation, or away from it. */
  scrolled(isAtEnd: boolean): void {
    if (isAtEnd === this.isAtEnd) return;
    this.isAtEnd = isAtEnd;
    this.markRead();
  }

  dismissPreview(): void {
    this.preview = undefined;
    this.proactive = undefined;
    this.changed();
  }

  showList(): void {
    this.isListShown = true;
    this.changed();
  }

  /** Show a conversation, or begin another one. */
  show(conversationId: string | undefined): void {
    this.isListShown = false;
    this.takesFocus = true;
    this.showTyping(undefined);
    this.conversationId = conversationId;
    this.visitor.storage.write("current", conversationId ?? null);
    this.draft = this.drafts.read(conversationId);
    if (conversationId === undefined) this.storeNew(this.newConversation ?? newConversation());
    else if (!this.hasUnsent) this.storeNew(undefined);
    if (this.client) void this.enter(this.client);
    this.resetReading();
  }

  async loadMore(): Promise<void> {
    const { client, conversations } = this;
    const { cursor } = conversations;
    if (!client || cursor === undefined) return;
    const page = await client.request("list_conversations", { limit: PAGE, cursor }).catch(() => undefined);
    if (!page || conversations !== this.conversations) return;
    for (const conversation of page.conversations) conversations.load(conversation);
    conversations.cursor = page.nextCursor;
    this.changed();
  }

  /** Rate the closed conversation from 1 to 5; a comment replaces an earlier one. Returns whether it was stored. */
  async rate(rating: number, comment?: string): Promise<boolean> {
    const { client, conversationId } = this;
    if (!client || conversationId === undefined) return false;
    const given = { conversationId, rating, ...(comment ? { comment } : {}) };
    const isStored = await client.request("rate_conversation", given).then(
      () => true,
      () => false,
    );
    if (isStored) this.conversations.change(conversationId, { rating });
    this.changed();
    return isStored;
  }

  /** Judge the last automatic answer, or ask for a person. */
  async judge(verdict: "yes" | "no" | "person"): Promise<{ handedOver: boolean } | undefined> {
    const { client, conversationId = "" } = this;
    return client?.request("judge_answer", { conversationId, verdict }).catch(() => undefined);
  }

  private report(): void {
    const url = location.origin + location.pathname;
    if (!this.client || this.isOffline || url === this.visited) return;
    this.visited = url;
    const title = [...document.title].slice(0, LONGEST_TITLE).join("");
    this.client.request("visit_page", { url, title }).catch(() => {
      this.visited = undefined;
    });
  }

  private setOpen(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.visitor.storage.writeForTab("open", isOpen ? "1" : null);
  }

  private connect(): void {
    if (this.client || this.settling) return;
    this.problem = undefined;
    this.state = "connecting";
    this.settling = {};
    void this.settle(this.settling);
  }

  /** Find out who the visitor is, then connect. The host's function may fail: try again. */
  private async settle(attempt: object): Promise<void> {
    const isSettled = await this.visitor.settle().then(
      () => true,
      () => false,
    );
    if (this.settling !== attempt) return;
    if (isSettled) {
      this.settling = undefined;
      this.start();
    } else {
      this.state = "offline";
      setTimeout(() => this.settling === attempt && void this.settle(attempt), RETRY_MS);
    }
    this.changed();
  }

  private start(): void {
    const { url, visitor } = this;
    this.fileToken = untilExpiry(visitor.token);
    const storage = {
      getItem: (key: string) => visitor.storage.read(key),
      setItem: (key: string, value: string) => visitor.storage.write(key, value),
    };
    const client = new DeskClient({ url, token: visitor.token, persistence: { storage, key: "letters" } });
    this.client = client;
    this.moveTo(visitor.storage.read("current") ?? undefined);
    if (this.newConversation) this.storeNew(this.newConversation);
    client.on("state", (state) => this.onState(client, state));
    client.on("refused", (error) => {
      const { draft } = this;
      this.disconnect();
      this.problem = error;
      this.draft = draft;
      this.newConversation = this.restoreNew();
      this.changed();
    });
    client.on("message", (message) => this.onMessage(message));
    client.on("updated", (change) => this.onUpdated(change));
    client.on("reloaded", () => this.changed());
    client.on("read", () => this.changed());
    client.on("activity", () => this.changed());
    client.on("typing", ({ conversationId, userType, userName, isTyping }) => {
      if (conversationId === this.conversationId)
        this.showTyping(userType === "agent" && isTyping ? userName : undefined);
    });
    client.on("availability", (availability) => this.showAvailability(client, availability));
    client.on("queue", ({ conversationId, queue }) => this.onQueue(conversationId, queue));
    client.outbox.on("changed", () => this.changed());
    client.on("continued", ({ conversationId, continuedIn }) => this.continue(conversationId, continuedIn));
    client.socket.on("conversation_status_changed", ({ conversationId, newStatus: status }) => {
      this.conversations.change(conversationId, { status, ...(status !== "closed" && { continuedIn: "" }) });
      this.changed();
    });
  }

  /** Show the conversation that continues the shown one, with the text in the field. */
  private continue(conversationId: string, continuedIn: string): void {
    const { draft } = this;
    this.conversations.change(conversationId, { status: "closed", continuedIn });
    if (conversationId === this.conversationId) {
      this.setDraft("");
      if (draft) this.drafts.write([this.drafts.read(continuedIn), draft].filter(Boolean).join("\n"), continuedIn);
      this.show(continuedIn);
    }
    this.changed();
  }

  private disconnect(): void {
    this.client?.close();
    this.client = undefined;
    this.settling = undefined;
    this.visited = undefined;
    this.isListed = false;
    this.isListShown = false;
    this.conversationId = undefined;
    this.conversations = new Conversations();
    this.queues.clear();
    this.newConversation = undefined;
    this.draft = "";
    this.preview = undefined;
    this.proactive = undefined;
    this.files.waiting = [];
    this.availability = undefined;
    this.introduction = undefined;
    this.state = "idle";
    this.changed();
    this.reportUnread();
  }

  private onState(client: DeskClient, state: State): void {
    if (client !== this.client) return;
    this.state = state;
    this.changed();
    if (this.isOffline) return;
    this.onSession();
    if (state !== "recovered") {
      this.isListed = false;
      void this.askAvailability(client);
    }
    void this.enter(client);
  }

  /** Of a new session; a recovered one misses no change. */
  private async askAvailability(client: DeskClient): Promise<void> {
    const answer = await client.request("get_availability").catch(() => undefined);
    if (answer) this.showAvailability(client, answer);
    const introduction = await client.request("get_introduction").catch(() => undefined);
    if (client === this.client) this.introduction = introduction;
    this.changed();
  }

  private showAvailability(client: DeskClient, availability: AvailabilityAnswer): void {
    if (client !== this.client) return;
    this.availability = availability;
    this.changed();
  }

  /** A conversation that has just come into the queue has no position yet; a known one is kept until the next. */
  private onQueue(conversationId: string, queue: Partial<QueuePlace> | undefined): void {
    const known = queue && queue.position === undefined ? this.queues.get(conversationId) : undefined;
    if (queue) this.queues.set(conversationId, { ...known, ...queue });
    else this.queues.delete(conversationId);
    this.changed();
  }

  /** List the conversations, send what was written before there was one, and join the one that is shown. */
  private async enter(client: DeskClient): Promise<void> {
    if (this.isOffline || client !== this.client || this.entering === client) return;
    this.entering = client;
    try {
      this.newConversation ??= this.restoreNew();
      if (!this.isListed) await this.list(client);
      await this.sendDetails(client);
      await this.sendNew(client);
      if (this.conversationId !== undefined) await this.join(client, this.conversationId);
      for (const other of this.followed) await this.join(client, other);
    } catch {
      setTimeout(() => client === this.client && void this.enter(client), RETRY_MS);
      return;
    } finally {
      if (this.entering === client) this.entering = undefined;
      if (client === this.client) this.reportUnread();
      this.changed();
    }
    const isLeft = this.conversationId !== undefined && !this.history;
    if (isLeft || this.hasUnsent) void this.enter(client); // written or chosen in the meantime
  }

  private get isOffline(): boolean {
    return this.state === "offline" || this.state === "connecting";
  }

  /** Whether there are messages or files for a conversation that has not started yet. */
  private get hasUnsent(): boolean {
    return Boolean(this.newConversation?.texts.length || this.files.waiting.length);
  }

  /** The page shows the conversation that the visitor has left, unless there is news in another one, or it is gone. */
  private async list(client: DeskClient): Promise<void> {
    const page = await client.request("list_conversations", { limit: PAGE });
    if (client !== this.client) return;
    for (const conversation of page.conversations) this.conversations.load(conversation);
    this.conversations.cursor = page.nextCursor;
    this.isListed = true;
    const [latest] = page.conversations;
    const isWanted =
      this.newConversation?.isTried || this.history || (this.conversation && (this.isOpen || !latest?.unreadCount));
    if (!isWanted) this.moveTo(latest?.conversationId);
    this.onListed();
  }

  /** Show a conversation that was found or started for the visitor, who may be writing already. Keeps its unsent text. */
  private moveTo(conversationId: string | undefined): void {
    const { draft, drafts } = this;
    const unsent = drafts.read(conversationId);
    if (this.conversationId === undefined && draft !== "" && unsent === "") {
      drafts.write("");
      drafts.write(draft, conversationId);
    } else this.draft = unsent;
    this.conversationId = conversationId;
    this.visitor.storage.write("current", conversationId ?? null);
  }

  private async sendDetails(client: DeskClient): Promise<void> {
    const { storage } = this.visitor;
    const details = storage.readObject<StateDetails>("details");
    if (details.name === undefined && details.email === undefined) return;
    await client.request("state_details", details).catch((failure) => {
      if (!(failure instanceof RequestError) || failure.isTransient) throw failure; // an address that the server refuses is not sent again
    });
    storage.write("details", "{}");
  }

  private async sendNew(client: DeskClient): Promise<void> {
    if (!this.hasUnsent || client !== this.client) return;
    const begun = this.newConversation ?? { clientMessageId: crypto.randomUUID(), texts: [] };
    const known = begun.isTried ? undefined : (this.conversationId ?? this.conversations.all[0]?.conversationId);
    const conversationId = known ?? (await this.begin(client, begun));
    if (client !== this.client) return;
    const { texts } = this.newConversation ?? begun;
    this.storeNew(undefined);
    const isFirstSent = known === undefined && begun.texts.length > 0;
    for (const content of texts.slice(isFirstSent ? 1 : 0)) client.outbox.write({ conversationId, content });
    this.files.start(conversationId);
    if (this.conversationId === undefined) this.moveTo(conversationId);
  }

  private async begin(client: DeskClient, begun: NewConversation): Promise<string> {
    this.storeNew({ ...begun, isTried: true });
    const { clientMessageId, texts } = begun;
    const metadata = this.proactive === undefined ? {} : { metadata: { proactive: this.proactive } };
    const first = texts[0] === undefined ? {} : { content: texts[0] };
    const { conversation } = await client.request("start_conversation", { clientMessageId, ...first, ...metadata });
    if (client === this.client) this.conversations.load(conversation);
    return conversation.conversationId;
  }

  /** The conversations beside the shown one whose messages arrive as events. */
  private get followed(): string[] {
    const open = this.conversations.all.filter(({ status }) => status !== "closed");
    return open.slice(0, FOLLOWED).map(({ conversationId }) => conversationId);
  }

  private async join(client: DeskClient, conversationId: string): Promise<void> {
    if (client !== this.client || client.history(conversationId)) return;
    const { history, joined } = await client.join(conversationId);
    if (client !== this.client) return;
    this.conversations.load(joined.conversation);
    for (const message of history.messages) this.conversations.add(message);
    if (conversationId === this.conversationId) this.resetReading();
  }

  /** Find the first unread message of the shown conversation. The view reports its scroll position afterwards. */
  private resetReading(): void {
    const received = this.history?.messages.filter(({ senderType }) => senderType !== "customer") ?? [];
    const unread = this.conversations.unreadIn(this.conversationId);
    this.newFrom = unread > 0 ? (received.at(-unread) ?? received[0])?.seq : undefined;
    this.isAtEnd = false;
    this.changed();
  }

  /** Cancel the uploads of the person whose data were deleted; after signing out, request no token for them. */
  private endUploads(): void {
    this.files.uploads.cancelAll();
    this.fileToken = this.client ? untilExpiry(this.visitor.token) : () => Promise.reject(new Error("Signed out"));
  }

  private storeNew(newConversation: NewConversation | undefined): void {
    this.newConversation = newConversation;
    this.visitor.storage.write("beginning", newConversation ? JSON.stringify(newConversation) : null);
  }

  /** Without texts it has another id: two tabs that restore it may begin it with different messages. */
  private restoreNew(): NewConversation | undefined {
    const stored = this.visitor.storage.readObject<NewConversation>("beginning");
    if (!Array.isArray(stored.texts)) return undefined;
    return stored.texts.length > 0 ? (stored as NewConversation) : newConversation();
  }

  private onMessage(message: Message): void {
    this.conversations.add(message);
    if (message.senderType !== "customer") {
      if (message.conversationId === this.conversationId) this.showTyping(undefined);
      if (!this.isOpen) this.preview = message;
      if (!this.isOpen || document.hidden) this.onArrival();
      this.markRead();
    }
    this.reportUnread();
    this.changed();
  }

  /** Show a changed message as it is now beside the closed chat and in the list of conversations, too. */
  private onUpdated({ conversationId, messageId }: MessageUpdate): void {
    const message = this.client?.history(conversationId)?.messages.find((one) => one.messageId === messageId);
    if (this.preview?.messageId === messageId) this.preview = message?.erased ? undefined : message;
    if (message && this.conversations.get(conversationId)?.lastMessage?.messageId === messageId)
      this.conversations.change(conversationId, { lastMessage: message });
    this.changed();
  }

  /** Mark the conversation as read that the visitor sees to its end. */
  private markRead(): void {
    const last = this.history?.messages.at(-1);
    if (!this.isOpen || this.isListShown || !this.isAtEnd || document.hidden || !last || !this.client) return;
    const { conversationId, messageId } = last;
    this.conversations.see(conversationId, last.seq);
    this.reportUnread();
    if (messageId === this.marked) return;
    this.marked = messageId;
    void this.client.request("message_read", { conversationId, messageId }).catch(() => {
      this.marked = undefined;
    });
  }

  private showTyping(typist: string | undefined): void {
    clearTimeout(this.typingTimer);
    this.typist = typist;
    if (typist !== undefined) this.typingTimer = setTimeout(() => this.showTyping(undefined), TYPING_TIMEOUT_MS);
    this.changed();
  }

  private reportUnread(): void {
    if (this.unread === this.reportedUnread) return;
    this.reportedUnread = this.unread;
    this.onUnread(this.unread);
    this.changed();
  }
}

/** Another conversation, although the visitor has some already. */
function newConversation(): NewConversation {
  return { clientMessageId: crypto.randomUUID(), texts: [], isTried: true };
}
