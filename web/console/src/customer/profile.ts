// The customer of the open conversation: profile, notes and earlier conversations, loaded when the panel is shown.

import {
  type Contact,
  type ContactUpdate,
  etagOf,
  type PageVisit,
  ProblemError,
  type RestClient,
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

// The rows of a form after a colleague's change of the attributes: theirs, with those that the user has changed. A row that
// the user has removed stays unless the colleague has changed it.
export function rebased(
  before: Contact["attributes"],
  now: Contact["attributes"],
  edited: readonly Attribute[],
): Attribute[] {
  const began = new Map(editable(before).map((row) => [row.name, row]));
  const names = new Set(edited.map(({ name }) => name));
  const own = new Map(edited.filter((row) => !isSame(row, began.get(row.name))).map((row) => [row.name, row]));
  const theirs = editable(now).filter((row) => names.has(row.name) || !isSame(row, began.get(row.name)));
  const rows = theirs.map((row) => own.get(row.name) ?? row);
  return [...rows, ...edited.filter((row) => own.get(row.name) === row && !rows.includes(row))];
}

// The attributes that differ, as they are now; undefined if removed.
export function changedIn(before: Contact["attributes"], now: Contact["attributes"]): [string, unknown][] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names]
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]))
    .map((name) => [name, now[name]]);
}

function isSame(one: Attribute, other: Attribute | undefined): boolean {
  return one.name === other?.name && one.type === other.type && one.value === other.value;
}

// Notes that were typed and not saved, and the stored ones that they began with.
export interface UnsavedNotes {
  text: string;
  base: string;
}

// By contact, so that they survive another conversation and a closed panel.
const unsavedNotes = new WeakMap<Store, Map<string, UnsavedNotes>>();

function typed({ type, value }: Attribute): string | number | boolean {
  if (type === "number") return value.trim() === "" ? Number.NaN : Number(value);
  return type === "yesNo" ? value === "true" : value;
}

// Null if they could not be loaded; none of a contact that was erased.
function pagesOf(rest: RestClient, contactId: string): Promise<PageVisit[] | null> {
  return rest.listContactPages(contactId).then(
    ({ pages }) => pages,
    (failure) => (failure instanceof ProblemError && failure.status === 404 ? [] : null),
  );
}

type Saved = "stored" | "changed" | "failed";

export class CustomerProfile {
  contact: Contact | null = null;
  earlier: Summary[] = [];
  pages: PageVisit[] | null = []; // null if they could not be loaded
  state: "loading" | "ready" | "failed" = "loading";
  private contactId = "";
  private saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: Store) {}

  get unsavedNotes(): Map<string, UnsavedNotes> {
    const found = unsavedNotes.get(this.store) ?? new Map<string, UnsavedNotes>();
    unsavedNotes.set(this.store, found);
    return found;
  }

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
    this.pages = [];
    this.state = "loading";
    store.changed();
    try {
      const rest = await restOf(store.credentials);
      const [contact, page, pages] = await Promise.all([
        rest.getContact(contactId),
        rest.listConversations({ contactId, limit: MOST_EARLIER }),
        pagesOf(rest, contactId),
      ]);
      if (contactId !== this.contactId) return;
      Object.assign(this, { contact, earlier: page.conversations, pages, state: "ready" });
    } catch {
      if (contactId === this.contactId) this.state = "failed";
    }
    store.changed();
  }

  // Load the pages again: no event reports them. Does nothing before the profile is loaded.
  async refreshPages(): Promise<void> {
    const { contactId, store } = this;
    if (this.state !== "ready") return;
    const pages = await pagesOf(await restOf(store.credentials), contactId);
    if (contactId !== this.contactId || this.state !== "ready") return;
    this.pages = pages;
    store.changed();
  }

  // Load the contact again after a colleague's change. The panel keeps what was typed. Returns whether it was loaded.
  async reread(): Promise<boolean> {
    const { contactId, store } = this;
    return store.attempt(async () => {
      const contact = await (await restOf(store.credentials)).getContact(contactId);
      if (contactId === this.contactId) this.contact = contact;
    });
  }

  // Returns whether it was stored: not if a colleague has changed the profile meanwhile. Saves follow one another, since
  // each needs the version that the one before has stored.
  save(change: ContactUpdate): Promise<Saved> {
    const { contact } = this;
    const saved = this.saving.then(() => this.update(contact, change));
    this.saving = saved;
    return saved;
  }

  private async update(shown: Contact | null, change: ContactUpdate): Promise<Saved> {
    const { store } = this;
    if (!shown) return "failed";
    const contact = this.contact?.id === shown.id ? this.contact : shown;
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
