import type { ErrorReport, Message, Receipt, SendMessage } from "./contract.js";
import { Emitter } from "./emitter.js";
import { Refused } from "./refusals.js";

/** What was written and is not acknowledged yet; with `refusal` it goes no more by itself. */
export interface Letter extends SendMessage {
  clientMessageId: string;
  writtenAt: string;
  refusal?: ErrorReport;
}

/** `localStorage` and `sessionStorage` are such. */
export type Keeping = Pick<Storage, "getItem" | "setItem">;

const BETWEEN_TOKENS = new Set(["UNAUTHORIZED", "TOKEN_EXPIRED"]);
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/**
 * Sends one after another, in the order in which they were written. One that is not answered goes again with the same
 * `clientMessageId`, which the server stores once.
 */
export class Outbox extends Emitter<{ changed: readonly Letter[]; refused: Letter }> {
  letters: readonly Letter[];
  private isSending = false;
  private pause = PAUSE_MS;

  constructor(
    private readonly send: (payload: SendMessage) => Promise<Receipt>,
    private readonly isOnline: () => boolean,
    private readonly keeping?: { storage: Keeping; key: string },
  ) {
    super();
    this.letters = kept(keeping);
  }

  of(conversationId: string): Letter[] {
    return this.letters.filter((letter) => letter.conversationId === conversationId);
  }

  write(message: SendMessage): Letter {
    const written = { clientMessageId: crypto.randomUUID(), ...message, writtenAt: new Date().toISOString() };
    this.keep([...this.letters, written]);
    void this.flush();
    return written;
  }

  /** A refused one, as something new: what was based on an old state is written in knowledge of the present one. */
  again(letter: Letter): Letter {
    const { refusal: _, basedOnSeq: __, clientMessageId: ___, writtenAt: ____, ...message } = letter;
    this.discard(letter.clientMessageId);
    return this.write(message);
  }

  discard(clientMessageId: string): void {
    const left = this.letters.filter((one) => one.clientMessageId !== clientMessageId);
    if (left.length < this.letters.length) this.keep(left);
  }

  /** It has been stored, whether its answer came or not. */
  heard(message: Message): void {
    if (message.clientMessageId !== undefined) this.discard(message.clientMessageId);
  }

  /** Send what waits; whoever is online again calls it. */
  async flush(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let next = this.next(); next && this.isOnline(); next = this.next()) await this.deliver(next);
    } finally {
      this.isSending = false;
    }
  }

  private next(): Letter | undefined {
    return this.letters.find(({ refusal }) => refusal === undefined);
  }

  private async deliver(letter: Letter): Promise<void> {
    const { writtenAt: _, refusal: __, ...payload } = letter;
    try {
      await this.send(payload);
      this.discard(letter.clientMessageId);
      this.pause = PAUSE_MS;
    } catch (fault) {
      const isFinal = fault instanceof Refused && !fault.mayPass && !BETWEEN_TOKENS.has(fault.error.code);
      if (isFinal) this.refuse(letter, fault.error);
      else await this.rest();
    }
  }

  private refuse(letter: Letter, refusal: ErrorReport): void {
    const refused = { ...letter, refusal };
    this.keep(this.letters.map((one) => (one.clientMessageId === letter.clientMessageId ? refused : one)));
    this.tell("refused", refused);
  }

  private rest(): Promise<void> {
    const pause = this.pause * (0.5 + Math.random());
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    return new Promise((resolve) => setTimeout(resolve, pause));
  }

  private keep(letters: readonly Letter[]): void {
    this.letters = letters;
    try {
      this.keeping?.storage.setItem(this.keeping.key, JSON.stringify(letters));
    } catch {
      // No room, or no storage here: then it is kept for as long as the page.
    }
    this.tell("changed", letters);
  }
}

function kept(keeping: { storage: Keeping; key: string } | undefined): readonly Letter[] {
  try {
    const letters: unknown = JSON.parse(keeping?.storage.getItem(keeping.key) ?? "[]");
    return Array.isArray(letters) ? letters : [];
  } catch {
    return [];
  }
}
