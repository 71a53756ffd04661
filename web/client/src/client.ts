import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import type {
  Activity,
  Answers,
  Availability,
  ErrorReport,
  Joined,
  Message,
  MessageUpdate,
  PersonIdentity,
  QueuePlace,
  ReadMark,
  Receipt,
  SendMessage,
  Typing,
} from "./contract.js";
import { Emitter } from "./emitter.js";
import { NoResponseError, RequestError } from "./errors.js";
import { History } from "./history.js";
import { Outbox, type OutboxPersistence } from "./outbox.js";
import { type DeskSocket, type RequestName, type RequestPayload, typed } from "./socket.js";

/**
 * State of the connection.
 *
 * - `connecting`: not connected yet.
 * - `online`: connected and authenticated for the first time.
 * - `recovered`: reconnected after a short loss. No event was missed.
 * - `resynchronized`: reconnected after a longer loss. Missed messages were requested and added.
 * - `offline`: not connected. The client reconnects by itself unless it was closed or has emitted `refused`.
 */
export type State = "connecting" | "online" | "recovered" | "resynchronized" | "offline";

/** Events of a {@link DeskClient}, by name. */
export interface DeskEvents {
  /** The state has changed. */
  state: State;
  /** The server has authenticated the connection; also emitted after each reconnect with a new session. */
  person: PersonIdentity;
  /** The server has rejected the token or the user. The client is closed and does not reconnect. */
  refused: ErrorReport;
  /** A message: once each for joined conversations; for others, as the server delivers it. */
  message: Message;
  /** A stored message was changed or erased; the history of a joined conversation has the change already. */
  updated: MessageUpdate;
  /** Too much was missed, and the history of this conversation was reloaded: render it from the start. */
  reloaded: string;
  /** A joined conversation was moved or changed; its history has the line already. */
  activity: Activity;
  /**
   * A conversation is continued in another one of the same customer, which receives the customer's messages. The pending
   * messages of a customer are listed with it already.
   */
  continued: { conversationId: string; continuedIn: string };
  /** A participant has read up to a message. */
  read: ReadMark;
  /** A participant has started or stopped typing. */
  typing: Typing & { isTyping: boolean };
  /** The account has opened or closed, or has changed its business hours. */
  availability: Availability;
  /** A conversation of the customer waits in a queue, or does not wait any more. What is not known is absent. */
  queue: { conversationId: string; queue: Partial<QueuePlace> | undefined };
}

/** Options of a {@link DeskClient}. */
export interface DeskOptions {
  /** Address of the server. Default: the origin of the page. */
  url?: string;
  /**
   * Returns a valid token. Called for each connection, and to renew a token when four fifths of its life have passed, or
   * it has expired. If it throws, it is called again later, except after a permanent {@link RequestError}: then the
   * client is closed.
   */
  token: () => string | Promise<string>;
  /** Where pending messages are stored, so that they survive a reload of the page. Default: in memory only. */
  persistence?: OutboxPersistence;
  /** @deprecated Use {@link persistence}. */
  keeping?: OutboxPersistence;
  /** Further options of socket.io-client. */
  socket?: Partial<ManagerOptions & SocketOptions>;
}

const RESPONSE_TIMEOUT_MS = 10_000;
const TYPING_INTERVAL_MS = 3000;
const RECONNECT_MS = 500;
const RENEW_AFTER = 0.8;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const BACKOFF = { reconnectionDelay: 500, reconnectionDelayMax: 10_000, randomizationFactor: 0.7 };

/**
 * A connection of one user to the server: authentication, reconnection, message history and outbox.
 *
 * Joined conversations miss no message, and a written message is stored once, however often the connection is lost.
 */
export class DeskClient extends Emitter<DeskEvents> {
  readonly socket: DeskSocket;
  readonly outbox: Outbox;
  state: State = "connecting";
  /** The authenticated user; undefined before the first authentication. */
  person: PersonIdentity | undefined;
  private readonly histories = new Map<string, History>();
  private readonly typed = new Map<string, { at: number; isPrivate: boolean }>();
  private hasConnected = false;
  private isReady = false;
  /** Whether nothing was missed up to the last connection. Only then can a recovered session be complete. */
  private isComplete = false;
  private isClosed = false;
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private renewalTimer: ReturnType<typeof setTimeout> | undefined;
  private token = "";

  constructor(private readonly options: DeskOptions) {
    super();
    const auth = (callback: (auth: object) => void) => void this.provideToken(callback);
    const more = { ...BACKOFF, ...options.socket, auth, autoConnect: false };
    this.socket = typed(options.url === undefined ? io(more) : io(options.url, more));
    this.outbox = new Outbox(
      (message) => this.send(message),
      () => this.isReady,
      options.persistence ?? options.keeping,
    );
    this.listen();
    this.socket.connect();
  }

  /**
   * Send a request and return its response.
   *
   * @throws {@link RequestError} if the server answered with an error.
   * @throws {@link NoResponseError} if the client is not connected or no response arrived within 10 seconds.
   */
  async request<Name extends RequestName>(name: Name, ...payload: RequestPayload<Name>): Promise<Answers[Name]> {
    if (!this.socket.connected) throw new NoResponseError();
    const answer = await this.socket
      .timeout(RESPONSE_TIMEOUT_MS)
      .emitWithAck(name, ...payload)
      .catch(() => {
        throw new NoResponseError();
      });
    if (!answer.ok) throw new RequestError(answer.error);
    return answer as unknown as Answers[Name];
  }

  /** @deprecated Use {@link request}. */
  ask<Name extends RequestName>(name: Name, ...payload: RequestPayload<Name>): Promise<Answers[Name]> {
    return this.request(name, ...payload);
  }

  /** Join a conversation. It stays joined through every reconnect until {@link leave} is called. */
  async join(conversationId: string): Promise<{ history: History; joined: Joined }> {
    const known = this.histories.get(conversationId);
    const history = known ?? new History();
    this.histories.set(conversationId, history); // before the request: messages may arrive ahead of its response
    try {
      const joined = await this.request("join_conversation", conversationId);
      history.open(joined, undefined);
      this.emit("queue", { conversationId, queue: joined.queue });
      return { history, joined };
    } catch (failure) {
      if (!known) this.histories.delete(conversationId);
      throw failure;
    }
  }

  /** Leave a conversation and drop its history. */
  leave(conversationId: string): void {
    this.histories.delete(conversationId);
    if (this.isReady) this.socket.emit("leave_conversation", conversationId);
  }

  /** The history of a joined conversation. */
  history(conversationId: string): History | undefined {
    return this.histories.get(conversationId);
  }

  /** Add a page of older messages to the history of a joined conversation. */
  async loadOlder(conversationId: string): Promise<void> {
    const history = this.histories.get(conversationId);
    if (!history?.hasMore) return;
    const page = await this.request("get_messages", { conversationId, beforeSeq: history.firstSeq });
    history.add(page.messages);
    history.follow(page.activity ?? []);
    history.hasMore = page.hasMore;
  }

  /**
   * Notify the other participants of typing; of a private note, only staff. Call it at each key press: at most one event
   * is sent in 3 seconds.
   */
  type(conversationId: string, { isPrivate = false } = {}): void {
    const now = Date.now();
    const last = this.typed.get(conversationId);
    if (!this.isReady || (last?.isPrivate === isPrivate && now - last.at < TYPING_INTERVAL_MS)) return;
    this.typed.set(conversationId, { at: now, isPrivate });
    this.socket.emit("typing_start", { conversationId, ...(isPrivate && { private: true }) });
  }

  /** Notify the other participants that typing has stopped. Not needed after sending a message. */
  stopTyping(conversationId: string): void {
    if (this.typed.delete(conversationId) && this.isReady) this.socket.emit("typing_stop", { conversationId });
  }

  /** Disconnect permanently. Pending messages stay in their storage. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.reconnectTimer);
    clearTimeout(this.renewalTimer);
    this.socket.disconnect();
    this.setState("offline");
  }

  private listen(): void {
    const { socket } = this;
    socket.on("connect", () => socket.recovered && this.isComplete && this.becomeReady("recovered"));
    socket.on("authenticated", (person) => void this.onAuthenticated(person));
    socket.on("authentication_error", (error) => void this.onAuthenticationError(error));
    socket.on("connect_error", () => this.setState("offline"));
    socket.on("disconnect", () => this.setState("offline"));
    socket.on("disconnect_reason", ({ reconnect }) => {
      if (reconnect) socket.once("disconnect", () => this.scheduleReconnect());
      else this.isClosed = true;
    });
    socket.on("new_message", (message) => this.receive([message]));
    socket.on("message_updated", (change) => {
      // Until everything missed was received, earlier changes may be missing.
      if (this.isReady) this.histories.get(change.conversationId)?.reach(change.revision);
      this.applyUpdates([change]);
    });
    socket.on("message_read", (mark) => {
      this.histories.get(mark.conversationId)?.mark(mark);
      this.emit("read", mark);
    });
    socket.on("conversation_queued", ({ conversationId, position, expectedWaitSeconds }) => {
      const wait = expectedWaitSeconds === undefined ? {} : { expectedWaitSeconds };
      this.emit("queue", { conversationId, queue: position === undefined ? {} : { position, ...wait } });
    });
    socket.on("conversation_assigned", ({ conversationId }) =>
      this.emit("queue", { conversationId, queue: undefined }),
    );
    socket.on("conversation_status_changed", ({ conversationId, newStatus }) => {
      if (newStatus !== "open") this.emit("queue", { conversationId, queue: undefined });
    });
    socket.on("conversation_continued", ({ conversationId, continuedIn }) =>
      this.continue(conversationId, continuedIn),
    );
    socket.on("availability_changed", (availability) => this.emit("availability", availability));
    socket.on("conversation_activity", (line) => {
      this.histories.get(line.conversationId)?.follow([line]);
      this.emit("activity", line);
    });
    socket.on("typing_start", (typing) => this.emit("typing", { ...typing, isTyping: true }));
    socket.on("typing_stop", (typing) => this.emit("typing", { ...typing, isTyping: false }));
  }

  private async provideToken(callback: (auth: object) => void): Promise<void> {
    try {
      this.token = await this.options.token();
      callback({ token: this.token });
    } catch (failure) {
      if (failure instanceof RequestError && !failure.isTransient) this.refuse(failure.error);
      else this.retryLater();
    }
  }

  private async onAuthenticated(person: PersonIdentity): Promise<void> {
    const isOutdated = this.person?.epoch !== undefined && this.person.epoch !== person.epoch;
    this.person = person;
    this.scheduleRenewal();
    this.emit("person", person);
    if (this.isReady) return;
    try {
      if (isOutdated) for (const history of this.histories.values()) history.clear();
      await this.resynchronize();
      this.becomeReady(this.hasConnected ? "resynchronized" : "online");
    } catch {
      this.retryLater();
    }
  }

  private async onAuthenticationError(error: ErrorReport): Promise<void> {
    this.isReady = false;
    if (error.code === "TOKEN_EXPIRED") {
      try {
        this.token = await this.options.token();
        await this.request("authenticate", this.token);
        return;
      } catch (failure) {
        if (!(failure instanceof RequestError) || failure.isTransient) return this.retryLater();
      }
    }
    if (error.code === "UNAVAILABLE") this.retryLater();
    else this.refuse(error);
  }

  /** Renew the token before it expires, which would interrupt the session. */
  private scheduleRenewal(): void {
    const delay = lifetimeMs(this.token) * RENEW_AFTER;
    clearTimeout(this.renewalTimer);
    if (delay < LONGEST_TIMER_MS) this.renewalTimer = setTimeout(() => void this.renew(), delay);
  }

  private async renew(): Promise<void> {
    try {
      const token = await this.options.token();
      if (token === this.token || !this.isReady) return;
      this.token = token;
      await this.request("authenticate", token);
    } catch {
      // The server reports when the token has expired.
    }
  }

  private refuse(error: ErrorReport): void {
    this.close();
    this.emit("refused", error);
  }

  private becomeReady(state: State): void {
    this.isReady = true;
    this.hasConnected = true;
    this.isComplete = true;
    this.setState(state);
    void this.outbox.flush();
  }

  /** Request the messages that a new session has missed. Joining comes first: later messages arrive as events. */
  private async resynchronize(): Promise<void> {
    this.isComplete = false;
    for (const [conversationId, history] of this.histories) {
      if (history.isCleared) {
        await this.join(conversationId);
        this.emit("reloaded", conversationId);
        continue;
      }
      const { lastSeq: afterSeq, revision } = history;
      const known = revision === undefined ? {} : { revision };
      const joined = await this.request("join_conversation", { conversationId, afterSeq, ...known });
      if (joined.hasMore) {
        await this.join(conversationId);
        this.emit("reloaded", conversationId);
      } else {
        this.receive(joined.messages);
        this.applyUpdates(joined.updates ?? []);
        history.open({ ...joined, messages: [] }, afterSeq);
        this.emit("queue", { conversationId, queue: joined.queue });
      }
    }
  }

  private async send(message: SendMessage): Promise<Receipt> {
    const receipt = await this.request("send_message", message);
    const [conversationId, continuedIn] = [message.conversationId, receipt.conversationId];
    if (continuedIn !== conversationId && this.outbox.move(conversationId, continuedIn))
      this.emit("continued", { conversationId, continuedIn });
    return receipt;
  }

  /** The messages of staff stay where they are. */
  private continue(conversationId: string, continuedIn: string): void {
    if (this.person?.role === "customer") this.outbox.move(conversationId, continuedIn);
    this.emit("continued", { conversationId, continuedIn });
  }

  private receive(messages: readonly Message[]): void {
    for (const message of messages) {
      this.outbox.confirm(message);
      const history = this.histories.get(message.conversationId);
      if (!history || history.add([message]).length > 0) this.emit("message", message);
    }
  }

  private applyUpdates(changes: readonly MessageUpdate[]): void {
    for (const change of changes) {
      this.histories.get(change.conversationId)?.update(change);
      this.outbox.update(change);
      this.emit("updated", change);
    }
  }

  private retryLater(): void {
    this.socket.disconnect();
    this.setState("offline");
    this.scheduleReconnect();
  }

  private scheduleReconnect(): void {
    if (this.isClosed || this.socket.active) return; // an active socket reconnects by itself
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(() => this.socket.connect(), RECONNECT_MS * (1 + 3 * Math.random()));
  }

  private setState(state: State): void {
    if (state === "offline") this.isReady = false;
    if (state === this.state) return;
    this.state = state;
    this.emit("state", state);
  }
}

/** The time from a token's issue to its expiry; infinite if it does not say. The clock of this machine may be wrong. */
function lifetimeMs(token: string): number {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { iat, exp } = JSON.parse(atob(claims)) as { iat?: number; exp?: number };
    return iat === undefined || exp === undefined ? Number.POSITIVE_INFINITY : (exp - iat) * 1000;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** @deprecated Use {@link DeskClient}. */
export const Desk = DeskClient;
/** @deprecated Use {@link DeskClient}. */
export type Desk = DeskClient;
