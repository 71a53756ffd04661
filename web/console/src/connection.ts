// The socket: who it is, what it asks, and whether it is there.

import { io, type Socket } from "socket.io-client";
import type { Answer, Person, Problem } from "./types";

export type Phase = "connecting" | "online" | "offline";

const ASK_MS = 10_000;

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

// The request may have been carried out: whoever repeats it needs a way to be known again.
export class Unanswered extends Error {}

export interface Listener {
  arrived: (person: Person, recovered: boolean) => void;
  lost: () => void;
  refused: (problem: Problem) => void;
  heard: (event: string, payload: unknown) => void;
}

export class Connection {
  phase: Phase = "connecting";
  private readonly socket: Socket;
  private person: Person | null = null;

  constructor(token: string, listener: Listener) {
    this.socket = io({
      auth: (give) => give({ token }),
      reconnectionDelay: 400,
      reconnectionDelayMax: 8000,
      randomizationFactor: 0.6,
    });
    this.socket.on("authenticated", (person: Person) => {
      const known = this.socket.recovered && this.phase === "online";
      this.person = person;
      this.phase = "online";
      if (!known) listener.arrived(person, false);
    });
    this.socket.on("connect", () => {
      if (!this.socket.recovered || !this.person) return;
      this.phase = "online";
      listener.arrived(this.person, true);
    });
    this.socket.on("authentication_error", (problem: Problem) => listener.refused(problem));
    this.socket.on("disconnect", () => {
      this.phase = "offline";
      listener.lost();
    });
    this.socket.on("connect_error", () => {
      this.phase = "offline";
      listener.lost();
    });
    this.socket.onAny((event: string, payload: unknown) => listener.heard(event, payload));
    this.socket.on("disconnect_reason", (reason: { code: string; reconnect: boolean }) => {
      if (reason.reconnect) this.socket.once("disconnect", () => this.comeBack());
    });
    window.addEventListener("online", this.retry);
  }

  get online(): boolean {
    return this.phase === "online" && this.socket.connected;
  }

  // Raises Refused, or Unanswered when the connection is gone or silent.
  async ask<T>(event: string, payload: unknown = {}): Promise<T> {
    if (!this.online) throw new Unanswered("There is no connection");
    let answer: Answer<T>;
    try {
      answer = (await this.socket.timeout(ASK_MS).emitWithAck(event, payload)) as Answer<T>;
    } catch {
      throw new Unanswered("The desk did not answer");
    }
    if (!answer.ok) throw new Refused(answer.error);
    return answer;
  }

  // Nobody waits for the answer, and nothing is sent later instead.
  tell(event: string, payload: unknown): void {
    if (this.online) this.socket.volatile.emit(event, payload);
  }

  retry = (): void => {
    if (!this.socket.connected) this.socket.disconnect().connect();
  };

  close(): void {
    window.removeEventListener("online", this.retry);
    this.socket.disconnect();
  }

  private comeBack(): void {
    if (!this.socket.active) setTimeout(() => this.socket.connect(), 400 + Math.random() * 1600);
  }
}
