// The audit log: who has changed what.

import type { AuditEntry } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { fullTime } from "../format";
import { useStore } from "../state/context";
import { usePages } from "./loading";
import { Page, Rows, Tag } from "./parts";

export function Audit() {
  const pages = usePages("entries", (rest, page) => rest.listAuditEntries(page));
  return (
    <Page title={t("console.settings.audit")} lead={t("settings.audit.lead")}>
      <Rows of={pages} none={t("settings.audit.none")}>
        {(entry) => <Entry key={entry.id} entry={entry} />}
      </Rows>
    </Page>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const store = useStore();
  const actor = entry.actorId && (store.agents.get(entry.actorId)?.name ?? entry.actorId);
  return (
    <li class="settings-row audit-row">
      <time dateTime={entry.timestamp}>{fullTime(entry.timestamp)}</time>
      <div class="row-what">
        <strong>{entry.action}</strong>
        <small>
          {t(`settings.audit.actor.${entry.actorType}`)}
          {actor && ` · ${actor}`} · <code>{entry.subjectId}</code>
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
