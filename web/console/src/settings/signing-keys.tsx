// The keys with which the company's own application signs the tokens of users and contacts.

import type { NewSigningKey, SigningKey, SigningKeyWithSecret } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { fullTime } from "../format";
import { useRest } from "./context";
import { Form } from "./form";
import { useLoaded } from "./loading";
import { Confirmed, Page, Ready, Secret, Tag } from "./parts";

export function SigningKeys() {
  const rest = useRest();
  const keys = useLoaded("signing keys", (rest) => rest.listSigningKeys());
  const [made, setMade] = useState<SigningKeyWithSecret | null>(null);
  const create = async ({ publicKey }: NewSigningKey) => {
    setMade(await rest.createSigningKey(publicKey ? { publicKey } : {}));
    await keys.reload();
  };
  return (
    <Page title={t("console.settings.signing-keys")} lead={t("settings.signingKeys.lead")}>
      {made?.secret && <Secret label={made.kid} text={made.secret} hint={t("settings.signingKeys.once")} />}
      <Form
        key={made?.kid ?? ""}
        fields={[
          {
            name: "publicKey",
            label: "settings.signingKeys.publicKey",
            hint: t("settings.signingKeys.publicKeyHint"),
            kind: "long",
          },
        ]}
        initial={{ publicKey: "" } as NewSigningKey}
        submit={t("settings.signingKeys.create")}
        save={create}
      />
      <Ready of={keys}>
        {({ signingKeys }) =>
          signingKeys.length === 0 ? (
            <p class="settings-none">{t("settings.signingKeys.none")}</p>
          ) : (
            <ul class="plain settings-rows">
              {signingKeys.map((key) => (
                <KeyRow key={key.kid} one={key} reload={keys.reload} />
              ))}
            </ul>
          )
        }
      </Ready>
    </Page>
  );
}

function KeyRow({ one, reload }: { one: SigningKey; reload: () => Promise<void> }) {
  const rest = useRest();
  const revoke = async () => {
    await rest.revokeSigningKey(one.kid);
    await reload();
  };
  return (
    <li class="settings-row">
      <div class="row-what">
        <strong>{one.kid}</strong>
        <small>{[one.algorithm, t("settings.createdAt", { time: fullTime(one.createdAt) })].join(" · ")}</small>
      </div>
      {one.revokedAt ? (
        <Tag kind="bad">{t("settings.keys.revoked")}</Tag>
      ) : (
        <Confirmed label={t("settings.keys.revoke")} question={t("settings.signingKeys.revokeQuestion")} act={revoke} />
      )}
    </li>
  );
}
