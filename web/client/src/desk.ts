import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import type { Answers, ErrorReport, Joined, Message, PersonIdentity, ReadMark, Typing } from "./contract.js";
import { Emitter } from "./emitter.js";
import { History } from "./history.js";
import { type Keeping, Outbox } from "./outbox.js";
import { Refused, Unanswered } from "./refusals.js";
import { type Carried, type DeskSocket, type RequestName, typed } from "./socket.js";

/**
 * `recovered`: back after a short loss, nothing was missed. `resynchronized`: back, and what was missed has been asked
 * for. `offline`: it tries again by itself, unless `refused` was told.
 */
export type State = "connecting" | "online" | "recovered" | "resynchronized" | "offline";

export interface DeskEvents {
  state: State;
  /** The socket is this person's; also told again after each reconnect. */
  person: PersonIdentity;
  /** The token is not accepted, or the person is not known any more: it does not come back by itself. */
  refused: ErrorReport;
  /** Somebody has said something: once for each message of a joined history, and of others as they are told. */
  message: Message;
  /** A history has begun anew, for too much was missed: show it from the start. */
  reloaded: string;
  read: ReadMark;
  typing: Typing & { isTyping: boolean };
}

export interface DeskOptions {
  /** Address of the desk; that of the page without one. */
  url?: string;
  /**
   * A token that is valid now: asked for at each connection, and when the last one has expired. What it throws is asked
   * for again, but for what is Refused for good.
   */
  token: () => string | Promise<string>;
  /** Where letters outlive the page. */
  keeping?: { storage: Keeping; key: string };
  socket?: Partial<ManagerOptions & SocketOptions>;
}

const ASK_MS = 10_000;
const TYPING_MS = 3000;
const COME_BACK_MS = 500;
const BACK_OFF = { reconnectionDelay: 500, reconnectionDelayMax: 10_000, randomizationFactor: 0.7 };

/** One person's connection to the desk, and what it needs to miss nothing and send nothing twice. */
export class Desk extends Emitter<DeskEvents> {
  readonly socket: DeskSocket;
  readonly outbox: Outbox;
  state: State = "connecting";
  person: PersonIdentity | undefined;
  private readonly histories = new Map<string, History>();
  private readonly typedAt = new Map<string, number>();
  private hasBeenHere = false;
  private isReady = false;
  /** Up to its last connection it had been told everything: what it misses after that can be recovered. */
  private isWhole = false;
  private isClosed = false;
  private comingBack: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: DeskOptions) {
    super();
    const auth = (give: (auth: object) => void) => void this.authenticate(give);
    const more = { ...BACK_OFF, ...options.socket, auth, autoConnect: false };
    this.socket = typed(options.url === undefined ? io(more) : io(options.url, more));
    const send = (payload: Parameters<Outbox["write"]>[0]) => this.ask("send_message", payload);
    this.outbox = new Outbox(send, () => this.isReady, options.keeping);
    this.listen();
    this.socket.connect();
  }

  /** Do it, or throw Refused or Unanswered. */
  async ask<Name extends RequestName>(name: Name, ...payload: Carried<Name>): Promise<Answers[Name]> {
    if (!this.socket.connected) throw new Unanswered();
    const answer = await this.socket
      .timeout(ASK_MS)
      .emitWithAck(name, ...payload)
      .catch(() => {
        throw new Unanswered();
      });
    if (!answer.ok) throw new Refused(answer.error);
    return answer as unknown as Answers[Name];
  }

  /** Enter a conversation, for as long as it is not left and through every reconnect. */
  async join(conversationId: string): Promise<{ history: History; joined: Joined }> {
    const known = this.histories.get(conversationId);
    const history = known ?? new History();
    this.histories.set(conversationId, history); // now, for what is said between the two comes before the answer
    try {
      const joined = await this.ask("join_conversation", conversationId);
      history.open(joined, undefined);
      return { history, joined };
    } catch (fault) {
      if (!known) this.histories.delete(conversationId);
      throw fault;
    }
  }

  leave(conversationId: string): void {
    this.histories.delete(conversationId);
    if (this.isReady) this.socket.emit("leave_conversation", conversationId);
  }

  history(conversationId: string): History | undefined {
    return this.histories.get(conversationId);
  }

  /** Add a page of older messages to a joined history. */
  async loadOlder(conversationId: string): Promise<void> {
    const history = this.histories.get(conversationId);
    if (!history?.hasMore) return;
    const page = await this.ask("get_messages", { conversationId, beforeSeq: history.firstSeq });
    history.add(page.messages);
    history.hasMore = page.hasMore;
  }

  /** Call it at each key; the others are told often enough and not more. Sending ends it. */
  type(conversationId: string): void {
    const moment = Date.now();
    if (!this.isReady || moment - (this.typedAt.get(conversationId) ?? 0) < TYPING_MS) return;
    this.typedAt.set(conversationId, moment);
    this.socket.emit("typing_start", { conversationId });
  }

  stopTyping(conversationId: string): void {
    if (this.typedAt.delete(conversationId) && this.isReady) this.socket.emit("typing_stop", { conversationId });
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.comingBack);
    this.socket.disconnect();
    this.become("offline");
  }

  private listen(): void {
    const { socket } = this;
    socket.on("connect", () => socket.recovered && this.isWhole && this.arrive("recovered"));
    socket.on("authenticated", (person) => void this.welcome(person));
    socket.on("authentication_error", (error) => void this.turnedAway(error));
    socket.on("connect_error", () => this.become("offline"));
    socket.on("disconnect", () => this.become("offline"));
    socket.on("disconnect_reason", ({ reconnect }) => {
      if (reconnect) socket.once("disconnect", () => this.comeBack());
      else this.isClosed = true;
    });
    socket.on("new_message", (message) => this.add([message]));
    socket.on("message_read", (mark) => {
      this.histories.get(mark.conversationId)?.mark(mark);
      this.tell("read", mark);
    });
    socket.on("typing_start", (typing) => this.tell("typing", { ...typing, isTyping: true }));
    socket.on("typing_stop", (typing) => this.tell("typing", { ...typing, isTyping: false }));
  }

  private async authenticate(give: (auth: object) => void): Promise<void> {
    try {
      give({ token: await this.options.token() });
    } catch (fault) {
      if (fault instanceof Refused && !fault.mayPass) this.refuse(fault.error);
      else this.tryLater();
    }
  }

  private async turnedAway(error: ErrorReport): Promise<void> {
    this.isReady = false;
    if (error.code === "TOKEN_EXPIRED") {
      try {
        await this.ask("authenticate", await this.options.token());
        return;
      } catch (fault) {
        if (!(fault instanceof Refused)) return this.tryLater();
      }
    }
    if (error.code === "UNAVAILABLE") this.tryLater();
    else this.refuse(error);
  }

  private refuse(error: ErrorReport): void {
    this.close();
    this.tell("refused", error);
  }

  /** Authenticated anew: the rooms are empty, and what was said meanwhile is not known. */
  private async welcome(person: PersonIdentity): Promise<void> {
    this.person = person;
    this.tell("person", person);
    if (this.isReady) return;
    try {
      await this.resynchronize();
      this.arrive(this.hasBeenHere ? "resynchronized" : "online");
    } catch {
      this.tryLater();
    }
  }

  private arrive(state: State): void {
    this.isReady = true;
    this.hasBeenHere = true;
    this.isWhole = true;
    this.become(state);
    void this.outbox.flush();
  }

  /** Enter each room again before asking what was missed: what is said between the two comes by itself. */
  private async resynchronize(): Promise<void> {
    this.isWhole = false;
    const behind: Record<string, number> = {};
    for (const [conversationId, history] of this.histories) {
      const afterSeq = history.lastSeq;
      const joined = await this.ask("join_conversation", { conversationId, afterSeq });
      if (joined.hasMore) behind[conversationId] = afterSeq;
      else this.reopen(history, joined, afterSeq);
    }
    if (Object.keys(behind).length === 0) return;
    const { conversations } = await this.ask("sync", { conversations: behind });
    for (const [conversationId, part] of Object.entries(conversations)) {
      if ("messages" in part) this.add(part.messages);
      else await this.reload(conversationId);
    }
  }

  private reopen(history: History, joined: Joined, afterSeq: number): void {
    this.add(joined.messages);
    history.open({ ...joined, messages: [] }, afterSeq);
  }

  private async reload(conversationId: string): Promise<void> {
    await this.join(conversationId);
    this.tell("reloaded", conversationId);
  }

  private add(messages: readonly Message[]): void {
    for (const message of messages) {
      this.outbox.heard(message);
      const history = this.histories.get(message.conversationId);
      if (!history || history.add([message]).length > 0) this.tell("message", message);
    }
  }

  private tryLater(): void {
    this.socket.disconnect();
    this.become("offline");
    this.comeBack();
  }

  private comeBack(): void {
    if (this.isClosed || this.socket.active) return; // an active one comes back by itself
    clearTimeout(this.comingBack);
    this.comingBack = setTimeout(() => this.socket.connect(), COME_BACK_MS * (1 + 3 * Math.random()));
  }

  private become(state: State): void {
    if (state === "offline") this.isReady = false;
    if (state === this.state) return;
    this.state = state;
    this.tell("state", state);
  }
}
