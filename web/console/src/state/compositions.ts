// The unsent replies and notes of one user, by conversation. They are stored in this browser at each change, so that they
// survive a reload, another conversation, and a sign-out.

import type { Attachment } from "../types";
import { type Composition, EMPTY } from "./composition";

type Unsent = Omit<Composition, "isNote">;

interface Entry {
  isNote: boolean;
  reply?: Unsent;
  note?: Unsent;
  // When it was changed last, in milliseconds since 1970.
  writtenAt: number;
}

const KEY = "hummdesk.unsent.";
const KEPT_MS = 30 * 86_400_000;

export class Compositions {
  private readonly entries = new Map<string, Entry | null>();
  private readonly listeners = new Set<() => void>();
  private readonly prefix: string;

  constructor(
    private readonly storage: Storage,
    userId: string,
    private readonly now: () => number = Date.now,
  ) {
    this.prefix = `${KEY}${userId}.`;
    this.removeExpired();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // The reply or the note, whichever was written last.
  of(conversationId: string): Composition {
    const entry = this.entry(conversationId);
    if (!entry) return EMPTY;
    return { ...(entry[modeOf(entry.isNote)] ?? EMPTY), isNote: entry.isNote };
  }

  // What a list shows of an unsent text; undefined without one.
  preview(conversationId: string): string | undefined {
    const entry = this.entry(conversationId);
    const [first, second] = entry?.isNote ? [entry.note, entry.reply] : [entry?.reply, entry?.note];
    return first?.text.trim() || second?.text.trim() || undefined;
  }

  // With `isNote` the change is to the reply or the note that the user turns to, and the other one is kept.
  change(conversationId: string, { isNote, ...more }: Partial<Composition>): void {
    const before = this.entry(conversationId);
    const mode = modeOf(isNote ?? before?.isNote ?? false);
    const unsent = { ...(before?.[mode] ?? { text: "", attachments: [] }), ...more };
    this.store(conversationId, { ...before, isNote: mode === "note", [mode]: unsent, writtenAt: this.now() });
  }

  // Add a file to the reply or to the note, also while the other one is shown.
  attach(conversationId: string, isNote: boolean, file: Attachment): void {
    const before = this.entry(conversationId);
    const mode = modeOf(isNote);
    const unsent = before?.[mode] ?? { text: "", attachments: [] };
    this.store(conversationId, {
      ...before,
      isNote: before?.isNote ?? false,
      [mode]: { ...unsent, attachments: [...unsent.attachments, file] },
      writtenAt: this.now(),
    });
  }

  // Replace the reply or the note.
  replace(conversationId: string, { isNote, ...unsent }: Composition): void {
    const before = this.entry(conversationId);
    this.store(conversationId, { ...before, isNote, [modeOf(isNote)]: unsent, writtenAt: this.now() });
  }

  // Discard the reply or the note, whichever was written last, and turn to the reply.
  discard(conversationId: string): void {
    const entry = this.entry(conversationId);
    if (!entry) return;
    const { [modeOf(entry.isNote)]: _, ...rest } = entry;
    this.store(conversationId, { ...rest, isNote: false });
  }

  // Discard a reply that began as the AI draft about a message.
  discardBasedOn(conversationId: string, seq: number): void {
    const entry = this.entry(conversationId);
    if (entry?.reply?.basedOnSeq !== seq) return;
    const { reply: _, ...rest } = entry;
    this.store(conversationId, rest);
  }

  // Read an entry again that another tab has changed.
  refresh(key: string): void {
    if (key.startsWith(this.prefix) && this.entries.delete(key.slice(this.prefix.length))) this.changed();
  }

  private entry(conversationId: string): Entry | null {
    let entry = this.entries.get(conversationId);
    if (entry === undefined) {
      entry = parse(this.storage.getItem(this.prefix + conversationId));
      this.entries.set(conversationId, entry);
    }
    return entry;
  }

  private store(conversationId: string, entry: Entry): void {
    this.entries.set(conversationId, entry);
    try {
      if (isEmpty(entry.reply) && isEmpty(entry.note)) this.storage.removeItem(this.prefix + conversationId);
      else this.storage.setItem(this.prefix + conversationId, JSON.stringify(entry));
    } catch {
      // The quota is exhausted or storage is disabled: the text is lost with the page.
    }
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private removeExpired(): void {
    const keys = Array.from({ length: this.storage.length }, (_, n) => this.storage.key(n) ?? "");
    for (const key of keys) {
      if (!key.startsWith(KEY)) continue;
      const entry = parse(this.storage.getItem(key));
      if (!entry || entry.writtenAt < this.now() - KEPT_MS) this.storage.removeItem(key);
    }
  }
}

function modeOf(isNote: boolean): "reply" | "note" {
  return isNote ? "note" : "reply";
}

function isEmpty(unsent: Unsent | undefined): boolean {
  return !unsent || (unsent.text === "" && unsent.attachments.length === 0);
}

function parse(stored: string | null): Entry | null {
  try {
    const entry: Entry | null = JSON.parse(stored ?? "null");
    const isValid = [entry?.reply, entry?.note].every(
      (one) => !one || (typeof one.text === "string" && Array.isArray(one.attachments)),
    );
    return entry && typeof entry.writtenAt === "number" && isValid ? entry : null;
  } catch {
    return null;
  }
}
