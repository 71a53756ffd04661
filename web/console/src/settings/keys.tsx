// API keys: create, rotate, revoke.

import type { Key, KeyWithText, NewKey } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { fullTime } from "../format";
import { useRest } from "./context";
import { Form } from "./form";
import { usePages } from "./loading";
import { Confirmed, Page, Rows, Secret, Tag } from "./parts";

const SCOPES = ["read", "write", "admin"] as const;

export function Keys() {
  const rest = useRest();
  const pages = usePages("keys", (rest, page) => rest.listKeys(page));
  const [made, setMade] = useState<KeyWithText | null>(null);
  const show = async (key: KeyWithText) => {
    setMade(key);
    await pages.reload();
  };
  return (
    <Page title={t("console.settings.keys")} lead={t("settings.keys.lead")}>
      {made && <Secret label={made.name} text={made.key} hint={t("settings.keys.once")} />}
      <Form
        key={made?.id ?? ""}
        fields={[
          { name: "name", label: "settings.name", isRequired: true, longest: 100 },
          {
            name: "scope",
            label: "settings.keys.scope",
            kind: "one",
            choices: SCOPES.map((scope) => ({ value: scope, label: t(`settings.keys.scopes.${scope}`) })),
          },
        ]}
        initial={{ name: "", scope: "read" } as NewKey}
        submit={t("settings.keys.create")}
        save={async (values) => show(await rest.createKey(values))}
      />
      <Rows of={pages} none={t("settings.keys.none")}>
        {(key) => <KeyRow key={key.id} one={key} show={show} reload={pages.reload} />}
      </Rows>
    </Page>
  );
}

interface RowProps {
  one: Key;
  show: (key: KeyWithText) => Promise<void>;
  reload: () => Promise<void>;
}

function KeyRow({ one, show, reload }: RowProps) {
  const rest = useRest();
  const rotate = async () => show(await rest.rotateKey(one.id));
  const revoke = async () => {
    await rest.revokeKey(one.id);
    await reload();
  };
  return (
    <li class="settings-row">
      <div class="row-what">
        <strong>{one.name}</strong>
        <small>{keyHistory(one)}</small>
      </div>
      <Tag>{t(`settings.keys.scopes.${one.scope}`)}</Tag>
      {one.revokedAt ? (
        <Tag kind="bad">{t("settings.keys.revoked")}</Tag>
      ) : (
        <div class="buttons">
          <Confirmed label={t("settings.keys.rotate")} question={t("settings.keys.rotateQuestion")} act={rotate} />
          <Confirmed label={t("settings.keys.revoke")} question={t("settings.keys.revokeQuestion")} act={revoke} />
        </div>
      )}
    </li>
  );
}

function keyHistory(key: Key): string {
  const created = t("settings.createdAt", { time: fullTime(key.createdAt) });
  const used = key.lastUsedAt ? t("settings.keys.used", { time: fullTime(key.lastUsedAt) }) : t("settings.keys.unused");
  return `${created} · ${used}`;
}
