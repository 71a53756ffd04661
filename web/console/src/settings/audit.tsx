// The audit log: who has changed what.

import type { AuditEntry } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { fullTime } from "../format";
import { useStore } from "../state/context";
import { all, useLoaded, usePages } from "./loading";
import { Page, Rows, Select, Tag } from "./parts";

const NOUNS = [
  "user",
  "team",
  "label",
  "view",
  "contact",
  "conversation",
  "message",
  "article",
  "canned_reply",
  "account",
  "automatic_answers",
  "simulation",
  "categories",
  "hours",
  "routing",
  "key",
  "signing_key",
  "webhook",
  "session",
  "sign_in_link",
  "oidc",
] as const;

type Noun = (typeof NOUNS)[number];

export function Audit() {
  const store = useStore();
  const users = useLoaded("users", (rest) => all(rest.allUsers()));
  const [noun, setNoun] = useState<Noun | "">("");
  const [actorId, setActorId] = useState("");
  const query = { ...(noun && { noun }), ...(actorId && { actorId }) };
  const pages = usePages(
    "entries",
    (rest, page) => rest.listAuditEntries({ ...query, ...page }),
    JSON.stringify(query),
  );
  const names = new Map(users.value?.map((user) => [user.id, user.name]));
  const nameOf = (id: string) => names.get(id) ?? store.agents.get(id)?.name ?? id;
  return (
    <Page title={t("console.settings.audit")} lead={t("settings.audit.lead")}>
      <div class="settings-filters">
        <Select
          label={t("settings.audit.noun")}
          value={noun}
          choices={[
            { value: "", label: t("settings.all") },
            ...NOUNS.map((one) => ({ value: one, label: t(`settings.audit.nouns.${one}`) })),
          ]}
          change={(value) => setNoun(value as Noun | "")}
        />
        <Select
          label={t("settings.audit.by")}
          value={actorId}
          choices={[
            { value: "", label: t("settings.all") },
            ...(users.value ?? []).map((user) => ({ value: user.id, label: user.name })),
          ]}
          change={setActorId}
        />
      </div>
      <Rows of={pages} none={t("settings.audit.none")}>
        {(entry) => <Entry key={entry.id} entry={entry} nameOf={nameOf} />}
      </Rows>
    </Page>
  );
}

function Entry({ entry, nameOf }: { entry: AuditEntry; nameOf: (id: string) => string }) {
  return (
    <li class="settings-row audit-row">
      <time dateTime={entry.timestamp}>{fullTime(entry.timestamp)}</time>
      <div class="row-what">
        <strong>{entry.action}</strong>
        <small>
          {t(`settings.audit.actor.${entry.actorType}`)}
          {entry.actorId && ` · ${nameOf(entry.actorId)}`} · {nameOf(entry.subjectId)}
        </small>
      </div>
      {Object.keys(entry.details).length > 0 && <Tag>{detailsOf(entry.details)}</Tag>}
    </li>
  );
}

function detailsOf(details: Record<string, unknown>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
