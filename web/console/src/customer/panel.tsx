// The customer of the open conversation: profile with attributes, notes, and other conversations.

import type { Contact } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { fullTime } from "../format";
import { useStore } from "../state/context";
import { AttributesForm } from "./attributes";
import "./customer.css";
import { Earlier } from "./earlier";
import { Pages } from "./pages";
import { CustomerProfile } from "./profile";

export function CustomerPanel({ contactId, conversationId }: { contactId: string; conversationId: string }) {
  const store = useStore();
  const [profile] = useState(() => new CustomerProfile(store));
  useEffect(() => void profile.show(contactId), [contactId]);
  const { lastMessage } = store.conversation ?? {};
  const asked = lastMessage?.senderType === "customer" && lastMessage.messageId;
  useEffect(() => void profile.refreshPages(), [conversationId, asked]);
  const { contact, pages } = profile;
  if (profile.state === "failed") return <Failed onRetry={() => profile.load()} />;
  if (!contact) return <div aria-busy="true" />;
  const earlier = profile.earlier.filter(({ id }) => id !== conversationId);
  return (
    <div class="customer-panel" key={contact.id}>
      <dl>
        {contact.externalId && (
          <>
            <dt>{t("extras.customer.externalId")}</dt>
            <dd>{contact.externalId}</dd>
          </>
        )}
        <dt>{t("extras.customer.since")}</dt>
        <dd>{fullTime(contact.createdAt)}</dd>
      </dl>
      <Attributes contact={contact} profile={profile} />
      <Notes contact={contact} profile={profile} />
      {pages ? pages.length > 0 && <Pages pages={pages} /> : <Failed onRetry={() => profile.refreshPages()} />}
      {earlier.length > 0 && (
        <Earlier key={conversationId} conversations={earlier} conversationId={conversationId} profile={profile} />
      )}
    </div>
  );
}

function Failed({ onRetry }: { onRetry: () => Promise<void> }) {
  return (
    <p class="customer-failed">
      {t("extras.customer.failed")}{" "}
      <button type="button" class="quiet" onClick={() => void onRetry()}>
        {t("common.tryAgain")}
      </button>
    </p>
  );
}

interface Props {
  contact: Contact;
  profile: CustomerProfile;
}

function Attributes({ contact, profile }: Props) {
  const store = useStore();
  const [isEditing, setEditing] = useState(false);
  const entries = Object.entries(contact.attributes);
  if (isEditing)
    return (
      <AttributesForm key={contact.createdAt} contact={contact} profile={profile} close={() => setEditing(false)} />
    );
  return (
    <section aria-label={t("extras.customer.attributes")}>
      <h3 class="overline">{t("extras.customer.attributes")}</h3>
      {entries.length > 0 && (
        <dl>
          {entries.map(([name, value]) => (
            <div key={name} class="customer-attribute">
              <dt dir="auto">{name}</dt>
              <dd dir="auto">{shown(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {store.canReply && (
        <button type="button" class="quiet" onClick={() => setEditing(true)}>
          {t(entries.length > 0 ? "extras.customer.editAttributes" : "extras.customer.addAttribute")}
        </button>
      )}
    </section>
  );
}

export function shown(value: unknown): string {
  if (typeof value === "boolean") return t(value ? "extras.customer.yes" : "extras.customer.no");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function Notes({ contact, profile }: Props) {
  const store = useStore();
  const [unsaved, setUnsaved] = useState(() => profile.unsavedNotes.get(contact.id));
  const [fault, setFault] = useState<"changed" | "failed" | null>(null);
  const stored = contact.notes ?? "";
  const text = unsaved?.text ?? stored;
  const write = (text: string, base: string) => {
    const next = text === base ? undefined : { text, base };
    if (next) profile.unsavedNotes.set(contact.id, next);
    else profile.unsavedNotes.delete(contact.id);
    setUnsaved(next);
  };
  const save = async () => {
    const result = await profile.save({ notes: text });
    setFault(result === "stored" ? null : result);
    if (result === "stored") write(profile.unsavedNotes.get(contact.id)?.text ?? text, text);
  };
  if (!store.canReply && !contact.notes) return null;
  return (
    <section aria-label={t("extras.customer.notes")}>
      <h3 class="overline">{t("extras.customer.notes")}</h3>
      {unsaved && unsaved.base !== stored && (
        <Meanwhile>
          <p dir="auto">{stored}</p>
        </Meanwhile>
      )}
      <textarea
        rows={3}
        dir="auto"
        maxLength={10_000}
        readOnly={!store.canReply}
        aria-label={t("extras.customer.notes")}
        placeholder={t("extras.customer.notesHint")}
        value={text}
        onInput={(event) => write(event.currentTarget.value, unsaved?.base ?? stored)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      {text !== stored && (
        <button type="button" class="secondary" onClick={() => void save()}>
          {t("extras.customer.save")}
        </button>
      )}
      {fault && <Fault fault={fault} profile={profile} onReread={() => setFault(null)} />}
    </section>
  );
}

// A colleague's change, shown before it can be overwritten.
export function Meanwhile({ children }: { children: ComponentChildren }) {
  return (
    <blockquote class="meanwhile" role="status">
      <strong>{t("extras.customer.meanwhile")}</strong>
      {children}
    </blockquote>
  );
}

interface FaultProps {
  fault: "changed" | "failed";
  profile: CustomerProfile;
  onReread: () => void;
}

// A change that was not saved. A colleague's change is loaded before it can be overwritten.
export function Fault({ fault, profile, onReread }: FaultProps) {
  const reread = async () => {
    if (await profile.reread()) onReread();
  };
  return (
    <p class="error" role="alert">
      <Icon name="warn" /> {t(fault === "changed" ? "extras.customer.changed" : "extras.customer.notSaved")}{" "}
      {fault === "changed" && (
        <button type="button" class="quiet" onClick={() => void reread()}>
          {t("extras.customer.reload")}
        </button>
      )}
    </p>
  );
}
