// What was written and is not acknowledged: kept over a reload of the tab, sent in order, stored once.

import { type Connection, Refused, Unanswered } from "./connection";
import type { Message, Problem } from "./types";

export interface Letter {
  clientMessageId: string;
  conversationId: string;
  content: string;
  private: boolean;
  attachments: Message["attachments"];
  basedOnSeq?: number;
  writtenAt: string;
  refusal?: Problem;
}

export type Written = Omit<Letter, "clientMessageId" | "writtenAt" | "refusal">;

const KEY = "hummdesk.outbox.";

export class Outbox {
  letters: Letter[];
  private sending = false;
  private readonly key: string;

  constructor(
    private readonly connection: Connection,
    userId: string,
    private readonly changed: () => void,
  ) {
    this.key = KEY + userId;
    this.letters = JSON.parse(sessionStorage.getItem(this.key) ?? "[]") as Letter[];
  }

  of(conversationId: string): Letter[] {
    return this.letters.filter((letter) => letter.conversationId === conversationId);
  }

  write(written: Written): void {
    const letter = { ...written, clientMessageId: crypto.randomUUID(), writtenAt: new Date().toISOString() };
    this.keep([...this.letters, letter]);
    void this.send();
  }

  // A refused one goes again, as a new answer to what has been said by now.
  again(letter: Letter): void {
    const { refusal: _, basedOnSeq: __, ...written } = letter;
    this.keep(this.letters.map((one) => (one === letter ? { ...written, clientMessageId: crypto.randomUUID() } : one)));
    void this.send();
  }

  discard(letter: Letter): void {
    this.keep(this.letters.filter((one) => one !== letter));
  }

  // It was acknowledged, or its message was heard.
  arrived(clientMessageId: string): void {
    if (this.letters.some((one) => one.clientMessageId === clientMessageId))
      this.keep(this.letters.filter((one) => one.clientMessageId !== clientMessageId));
  }

  async send(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let next = this.waiting(); next && this.connection.online; next = this.waiting()) await this.deliver(next);
    } finally {
      this.sending = false;
    }
  }

  private waiting(): Letter | undefined {
    return this.letters.find((letter) => !letter.refusal);
  }

  private async deliver(letter: Letter): Promise<void> {
    const { writtenAt: _, refusal: __, ...payload } = letter;
    try {
      await this.connection.ask("send_message", payload);
      this.arrived(letter.clientMessageId);
    } catch (fault) {
      if (fault instanceof Unanswered) {
        await new Promise((resolve) => setTimeout(resolve, 500));
      } else if (fault instanceof Refused && ["UNAVAILABLE", "RATE_LIMITED"].includes(fault.problem.code)) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
      } else {
        const refusal = fault instanceof Refused ? fault.problem : { code: "", message: "It could not be sent" };
        this.keep(this.letters.map((one) => (one === letter ? { ...one, refusal } : one)));
      }
    }
  }

  private keep(letters: Letter[]): void {
    this.letters = letters;
    sessionStorage.setItem(this.key, JSON.stringify(letters));
    this.changed();
  }
}
