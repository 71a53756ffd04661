import type { WidgetStorage } from "./storage.js";

/** The key of the text for a conversation that has not started yet. */
export const NEW = "new";

/** Unsent text of the visitor, by conversation. It survives reloads, and is deleted with what belongs to the person. */
export class Drafts {
  constructor(private readonly storage: WidgetStorage) {}

  read(conversationId: string = NEW): string {
    const text: unknown = this.storage.readObject<Record<string, string>>("drafts")[conversationId];
    return typeof text === "string" ? text : "";
  }

  write(text: string, conversationId: string = NEW): void {
    const { [conversationId]: _, ...others } = this.storage.readObject<Record<string, string>>("drafts");
    const drafts = text === "" ? others : { ...others, [conversationId]: text };
    this.storage.write("drafts", Object.keys(drafts).length > 0 ? JSON.stringify(drafts) : null);
  }
}
