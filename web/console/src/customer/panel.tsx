// The customer of the open conversation: profile with attributes, notes, and other conversations.

import type { Contact, Conversation } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { PageLink } from "../components/page-link";
import { fullTime, when } from "../format";
import { useStore } from "../state/context";
import { AttributesForm } from "./attributes";
import "./customer.css";
import { CustomerProfile } from "./profile";

export function CustomerPanel({ contactId, conversationId }: { contactId: string; conversationId: string }) {
  const store = useStore();
  const [profile] = useState(() => new CustomerProfile(store));
  useEffect(() => void profile.show(contactId), [contactId]);
  const { contact } = profile;
  if (profile.state === "failed")
    return (
      <p class="customer-failed">
        {t("console.customer.failed")}{" "}
        <button type="button" class="quiet" onClick={() => void profile.load()}>
          {t("common.tryAgain")}
        </button>
      </p>
    );
  if (!contact) return <div aria-busy="true" />;
  const earlier = profile.earlier.filter(({ id }) => id !== conversationId);
  return (
    <div class="customer" key={contact.id}>
      <dl>
        {contact.externalId && (
          <>
            <dt>{t("console.customer.externalId")}</dt>
            <dd>{contact.externalId}</dd>
          </>
        )}
        <dt>{t("console.customer.since")}</dt>
        <dd>{fullTime(contact.createdAt)}</dd>
      </dl>
      <Attributes contact={contact} profile={profile} />
      <Notes contact={contact} profile={profile} />
      {earlier.length > 0 && <Earlier conversations={earlier} />}
    </div>
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
    <section aria-label={t("console.customer.attributes")}>
      <h3 class="overline">{t("console.customer.attributes")}</h3>
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
          {t(entries.length > 0 ? "console.customer.editAttributes" : "console.customer.addAttribute")}
        </button>
      )}
    </section>
  );
}

function shown(value: unknown): string {
  if (typeof value === "boolean") return t(value ? "console.customer.yes" : "console.customer.no");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function Notes({ contact, profile }: Props) {
  const store = useStore();
  const [text, setText] = useState(contact.notes ?? "");
  const [fault, setFault] = useState<"changed" | "failed" | null>(null);
  const isChanged = text !== (contact.notes ?? "");
  const save = async () => {
    const result = await profile.save({ notes: text });
    setFault(result === "stored" ? null : result);
  };
  if (!store.canReply && !contact.notes) return null;
  return (
    <section aria-label={t("console.customer.notes")}>
      <h3 class="overline">{t("console.customer.notes")}</h3>
      <textarea
        rows={3}
        dir="auto"
        maxLength={10_000}
        readOnly={!store.canReply}
        aria-label={t("console.customer.notes")}
        placeholder={t("console.customer.notesHint")}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      {isChanged && (
        <button type="button" class="secondary" onClick={() => void save()}>
          {t("console.customer.save")}
        </button>
      )}
      {fault && <Fault fault={fault} profile={profile} />}
    </section>
  );
}

// A colleague's change is shown before it can be overwritten.
export function Fault({ fault, profile }: { fault: "changed" | "failed"; profile: CustomerProfile }) {
  return (
    <p class="error" role="alert">
      <Icon name="warn" /> {t(fault === "changed" ? "console.customer.changed" : "console.customer.notSaved")}{" "}
      {fault === "changed" && (
        <button type="button" class="quiet" onClick={() => void profile.reread()}>
          {t("console.customer.reload")}
        </button>
      )}
    </p>
  );
}

function Earlier({ conversations }: { conversations: Conversation[] }) {
  const store = useStore();
  return (
    <section aria-label={t("console.customer.conversations")}>
      <h3 class="overline">{t("console.customer.conversations")}</h3>
      <ul class="plain">
        {conversations.map((one) => (
          <li key={one.id}>
            <PageLink href={store.pathOf(one.id)} class="customer-conversation">
              <span dir="auto">{one.subject ?? t("console.customer.noSubject")}</span>
              <small>
                {t(`common.status.${one.status}`)} · {when(one.updatedAt)}
              </small>
            </PageLink>
          </li>
        ))}
      </ul>
    </section>
  );
}
