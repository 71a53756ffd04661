// The customer of the open conversation: profile, notes and earlier conversations, loaded when the panel is shown.

import {
  type Contact,
  type ContactUpdate,
  etagOf,
  ProblemError,
  type Conversation as Summary,
} from "@hummdesk/client/rest";
import { restOf } from "../state/rest";
import type { Store } from "../state/store";

const MOST_EARLIER = 6;

export type AttributeType = "text" | "number" | "yesNo";
export type Attribute = { name: string; type: AttributeType; value: string };

// The attributes that the panel can edit; the others, lists and objects, are shown as JSON and stay as they are.
export function editable(attributes: Contact["attributes"]): Attribute[] {
  return Object.entries(attributes).flatMap(([name, value]): Attribute[] => {
    if (typeof value === "string") return [{ name, type: "text", value }];
    if (typeof value === "number") return [{ name, type: "number", value: String(value) }];
    if (typeof value === "boolean") return [{ name, type: "yesNo", value: String(value) }];
    return [];
  });
}

// The attributes after the edit: those that cannot be edited, then the edited ones. Null if a number is none.
export function merged(before: Contact["attributes"], edited: readonly Attribute[]): Contact["attributes"] | null {
  const kept = Object.entries(before).filter(([, value]) => typeof value === "object");
  const changed = edited.filter(({ name }) => name.trim() !== "").map((one) => [one.name.trim(), typed(one)] as const);
  if (changed.some(([, value]) => typeof value === "number" && !Number.isFinite(value))) return null;
  return Object.fromEntries([...kept, ...changed]);
}

function typed({ type, value }: Attribute): string | number | boolean {
  if (type === "number") return value.trim() === "" ? Number.NaN : Number(value);
  return type === "yesNo" ? value === "true" : value;
}

export class CustomerProfile {
  contact: Contact | null = null;
  earlier: Summary[] = [];
  state: "loading" | "ready" | "failed" = "loading";
  private contactId = "";

  constructor(private readonly store: Store) {}

  // Show a contact. Does nothing if it is shown already.
  async show(contactId: string): Promise<void> {
    if (contactId === this.contactId) return;
    this.contactId = contactId;
    await this.load();
  }

  async load(): Promise<void> {
    const { contactId, store } = this;
    this.contact = null;
    this.earlier = [];
    this.state = "loading";
    store.changed();
    try {
      const rest = await restOf(store.credentials);
      const [contact, page] = await Promise.all([
        rest.getContact(contactId),
        rest.listConversations({ contactId, limit: MOST_EARLIER }),
      ]);
      if (contactId !== this.contactId) return;
      Object.assign(this, { contact, earlier: page.conversations, state: "ready" });
    } catch {
      if (contactId === this.contactId) this.state = "failed";
    }
    store.changed();
  }

  // Load the contact again, with what a colleague has changed. The panel keeps what was typed.
  async reread(): Promise<void> {
    const { contactId, store } = this;
    await store.attempt(async () => {
      const contact = await (await restOf(store.credentials)).getContact(contactId);
      if (contactId === this.contactId) this.contact = contact;
    });
  }

  // Returns whether it was stored: not if a colleague has changed the profile meanwhile.
  async save(change: ContactUpdate): Promise<"stored" | "changed" | "failed"> {
    const { contact, store } = this;
    if (!contact) return "failed";
    try {
      const rest = await restOf(store.credentials);
      const ifMatch = etagOf(contact);
      const stored = await rest.updateContact(contact.id, change, ifMatch === undefined ? {} : { ifMatch });
      if (contact.id === this.contactId) this.contact = stored;
      store.changed();
      return "stored";
    } catch (failure) {
      return failure instanceof ProblemError && failure.status === 412 ? "changed" : "failed";
    }
  }
}
