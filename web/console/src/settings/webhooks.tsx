// Webhooks: create, change, the log of their deliveries, and replay.

import type { Delivery, NewWebhook, Webhook, WebhookChanges, WebhookState } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { PageLink } from "../components/page-link";
import { fullTime } from "../format";
import { settingsPath } from "../settings-sections";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { useLoaded, usePages } from "./loading";
import { Action, Confirmed, NewLink, Page, Ready, RowLink, Rows, Secret, Tag } from "./parts";

type EventType = NewWebhook["events"][number];

const EVERY = "*";
// The compiler reports a missing one.
const LISTED: Record<Exclude<EventType, typeof EVERY>, true> = {
  new_message: true,
  message_updated: true,
  message_read: true,
  conversation_created: true,
  conversation_updated: true,
  conversation_status_changed: true,
  conversation_priority_changed: true,
  conversation_labels_changed: true,
  conversation_assigned: true,
  conversation_unassigned: true,
  conversation_rated: true,
  conversation_continued: true,
  conversation_merged: true,
  classification_corrected: true,
  draft_used: true,
  ai_classification: true,
  ai_draft: true,
  ai_summary: true,
  ai_error: true,
  contact_created: true,
  contact_updated: true,
  contact_deleted: true,
  user_created: true,
  user_updated: true,
  user_deleted: true,
  team_created: true,
  team_updated: true,
  team_deleted: true,
};
const EVENTS = Object.keys(LISTED);
const STATUSES: Delivery["status"][] = ["pending", "delivered", "set_aside"];

function fields(): FieldSpec[] {
  const choices = [{ value: EVERY, label: t("settings.webhooks.everyEvent") }];
  return [
    {
      name: "url",
      label: "settings.webhooks.url",
      kind: "url",
      isRequired: true,
      hint: t("settings.webhooks.urlHint"),
    },
    {
      name: "events",
      label: "settings.webhooks.events",
      kind: "many",
      choices: [...choices, ...EVENTS.map((event) => ({ value: event, label: event }))],
    },
  ];
}

export function Webhooks({ rest: [id] }: { rest: string[] }) {
  if (id === "new") return <NewWebhookPage />;
  return id ? <OneWebhook id={id} /> : <AllWebhooks />;
}

function AllWebhooks() {
  const pages = usePages("webhooks", (rest, page) => rest.listWebhooks(page));
  return (
    <Page
      title={t("console.settings.webhooks")}
      lead={t("settings.webhooks.lead")}
      actions={<NewLink section="webhooks">{t("settings.webhooks.create")}</NewLink>}
    >
      <Rows of={pages} none={t("settings.webhooks.none")}>
        {(one) => (
          <RowLink key={one.id} href={settingsPath("webhooks", one.id)} title={one.url} detail={one.events.join(", ")}>
            <State one={one} />
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

function State({ one }: { one: Webhook }) {
  if (one.enabled) return <Tag kind="good">{t("settings.enabled")}</Tag>;
  return <Tag kind="bad">{t(one.disabledReason === "gone" ? "settings.webhooks.gone" : "settings.disabled")}</Tag>;
}

function NewWebhookPage() {
  const rest = useRest();
  const [made, setMade] = useState<{ id: string; secret: string } | null>(null);
  return (
    <Page title={t("settings.webhooks.create")} back={settingsPath("webhooks")}>
      {made ? (
        <>
          <Secret label={t("settings.webhooks.secret")} text={made.secret} hint={t("settings.webhooks.secretOnce")} />
          <PageLink href={settingsPath("webhooks", made.id)}>{t("settings.webhooks.open")}</PageLink>
        </>
      ) : (
        <Form
          fields={fields()}
          initial={{ url: "", events: ["new_message"] } as NewWebhook}
          submit={t("settings.webhooks.create")}
          save={async (values) => setMade(await rest.createWebhook(values))}
        />
      )}
    </Page>
  );
}

function OneWebhook({ id }: { id: string }) {
  const edited = useEdited(`webhook ${id}`, (rest) => rest.getWebhook(id));
  const state = useLoaded(`webhook ${id} state`, (rest) => rest.getWebhookState(id));
  const [secret, setSecret] = useState<string | null>(null);
  const [log, setLog] = useState(0);
  const rest = useRest();
  const refresh = async () => {
    setLog((count) => count + 1);
    await state.reload();
  };
  const enable = (enabled: boolean) => edited.save((rest, options) => rest.updateWebhook(id, { enabled }, options));
  const test = async () => {
    await rest.testWebhook(id);
    await refresh();
  };
  return (
    <Page title={edited.value?.url ?? t("settings.webhooks.one")} back={settingsPath("webhooks")}>
      {secret && <Secret label={t("settings.webhooks.secret")} text={secret} hint={t("settings.webhooks.rotated")} />}
      <Ready of={edited}>
        {(one) => (
          <Form
            key={edited.key}
            fields={fields()}
            initial={{ url: one.url, events: one.events } as WebhookChanges}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values, overwrite) =>
              edited.save((rest, options) => rest.updateWebhook(id, values, options), overwrite)
            }
          >
            {one.enabled ? (
              <Confirmed
                label={t("settings.disable")}
                question={t("settings.webhooks.disableQuestion")}
                act={() => enable(false)}
              />
            ) : (
              <Action act={() => enable(true)}>{t("settings.enable")}</Action>
            )}
            <Confirmed
              label={t("settings.webhooks.rotate")}
              question={t("settings.webhooks.rotateQuestion")}
              act={async () => setSecret((await rest.rotateWebhookSecret(id)).secret)}
            />
            <Action act={test}>{t("settings.webhooks.test")}</Action>
          </Form>
        )}
      </Ready>
      <h2>{t("settings.webhooks.log")}</h2>
      <Ready of={state}>{(value) => <Progress id={id} state={value} refresh={refresh} />}</Ready>
      <Deliveries key={log} id={id} refresh={refresh} />
    </Page>
  );
}

function Progress({ id, state, refresh }: { id: string; state: WebhookState; refresh: () => Promise<void> }) {
  const rest = useRest();
  const replay = async () => {
    await rest.replayWebhook(id, { status: "set_aside" });
    await refresh();
  };
  return (
    <div class="buttons">
      <span>{t("settings.webhooks.progress", { pending: state.pending, aside: state.setAside })}</span>
      {state.failingSince && (
        <Tag kind="bad">{t("settings.webhooks.failingSince", { time: fullTime(state.failingSince) })}</Tag>
      )}
      {state.setAside > 0 && <Action act={replay}>{t("settings.webhooks.replaySetAside")}</Action>}
      <Action class="quiet" act={refresh}>
        {t("settings.refresh")}
      </Action>
    </div>
  );
}

function Deliveries({ id, refresh }: { id: string; refresh: () => Promise<void> }) {
  const [status, setStatus] = useState<Delivery["status"] | "">("");
  const query = status ? { status } : {};
  const pages = usePages(
    "deliveries",
    (rest, page) => rest.listWebhookDeliveries(id, { ...query, ...page }),
    `${id} ${status}`,
  );
  return (
    <>
      <fieldset class="segments" aria-label={t("console.list.status")}>
        {(["", ...STATUSES] as const).map((one) => (
          <button type="button" key={one} aria-pressed={status === one} onClick={() => setStatus(one)}>
            {one ? t(`settings.webhooks.status.${one}`) : t("settings.all")}
          </button>
        ))}
      </fieldset>
      <Rows of={pages} none={t("settings.webhooks.noDeliveries")}>
        {(one) => <DeliveryRow key={one.number} id={id} one={one} refresh={refresh} />}
      </Rows>
    </>
  );
}

const KINDS = { pending: "warn", delivered: "good", set_aside: "bad" } as const;

function DeliveryRow({ id, one, refresh }: { id: string; one: Delivery; refresh: () => Promise<void> }) {
  const rest = useRest();
  const replay = async () => {
    await rest.replayWebhookDelivery(id, String(one.number));
    await refresh();
  };
  const result = [one.httpStatus && `HTTP ${one.httpStatus}`, one.error, one.milliseconds && `${one.milliseconds} ms`];
  return (
    <li class="settings-row">
      <div class="row-what">
        <strong>
          {one.number} · {one.type}
        </strong>
        <small>
          {[t("settings.webhooks.attempts", { count: one.attempts }), ...result].filter(Boolean).join(" · ")}
        </small>
        <small>
          <time dateTime={one.createdAt}>{fullTime(one.createdAt)}</time>
          {one.nextAttemptAt && ` · ${t("settings.webhooks.nextAttempt", { time: fullTime(one.nextAttemptAt) })}`}
        </small>
      </div>
      <Tag kind={KINDS[one.status]}>{t(`settings.webhooks.status.${one.status}`)}</Tag>
      {one.status !== "pending" && (
        <Action class="quiet" act={replay}>
          {t("settings.webhooks.replay")}
        </Action>
      )}
    </li>
  );
}
