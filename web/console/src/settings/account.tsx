// Settings of the account: the AI, and the widget.

import type { AccountSettings, SettingsUpdate } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useStore } from "../state/context";
import { useEdited } from "./editing";
import { Form } from "./form";
import { Copyable, Page, Ready } from "./parts";

function useAccount() {
  return useEdited("settings", (rest) => rest.getSettings());
}

// Numbers as text: an empty field is the default of the server.
interface AiValues {
  aiProvider: string;
  aiDailyTokens: string;
  aiDailyDollars: string;
}

const PROVIDERS = ["embedded", "anthropic", "openai"] as const;

export function Ai() {
  const edited = useAccount();
  const changes = ({ aiProvider, aiDailyTokens, aiDailyDollars }: AiValues): SettingsUpdate =>
    ({
      aiProvider: aiProvider || null,
      aiDailyTokens: aiDailyTokens === "" ? null : Number(aiDailyTokens),
      aiDailyDollars: aiDailyDollars === "" ? null : Number(aiDailyDollars),
    }) as SettingsUpdate;
  return (
    <Page title={t("console.settings.ai")} lead={t("settings.ai.lead")}>
      <Ready of={edited}>
        {(account) => (
          <Form
            key={edited.key}
            fields={[
              {
                name: "aiProvider",
                label: "settings.ai.provider",
                hint: t("settings.ai.providerHint"),
                kind: "one",
                choices: [
                  { value: "", label: t("settings.ai.providers.default") },
                  ...PROVIDERS.map((one) => ({ value: one, label: t(`settings.ai.providers.${one}`) })),
                ],
              },
              {
                name: "aiDailyTokens",
                label: "settings.ai.dailyTokens",
                hint: t("settings.ai.budgetHint"),
                kind: "number",
              },
              { name: "aiDailyDollars", label: "settings.ai.dailyDollars", kind: "number" },
            ]}
            initial={aiValues(account)}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values, overwrite) =>
              edited.save((rest, options) => rest.updateSettings(changes(values), options), overwrite)
            }
          />
        )}
      </Ready>
    </Page>
  );
}

function aiValues({ aiProvider, aiDailyTokens, aiDailyDollars }: AccountSettings): AiValues {
  return {
    aiProvider: aiProvider ?? "",
    aiDailyTokens: String(aiDailyTokens ?? ""),
    aiDailyDollars: String(aiDailyDollars ?? ""),
  };
}

// The days as text: an empty field is no limit.
interface AccountValues {
  name: string;
  retentionDays: string;
}

export function Account() {
  const edited = useAccount();
  const changes = ({ name, retentionDays }: AccountValues): SettingsUpdate =>
    ({ name, retentionDays: retentionDays === "" ? null : Number(retentionDays) }) as SettingsUpdate;
  return (
    <Page title={t("console.settings.account")}>
      <Ready of={edited}>
        {({ name, retentionDays }) => (
          <Form
            key={edited.key}
            fields={[
              { name: "name", label: "settings.name", isRequired: true, longest: 100 },
              {
                name: "retentionDays",
                label: "settings.account.retention",
                hint: t("settings.account.retentionHint"),
                kind: "number",
              },
            ]}
            initial={{ name, retentionDays: String(retentionDays ?? "") }}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values: AccountValues, overwrite) =>
              edited.save((rest, options) => rest.updateSettings(changes(values), options), overwrite)
            }
          />
        )}
      </Ready>
    </Page>
  );
}

export function Widget() {
  const store = useStore();
  const edited = useAccount();
  return (
    <Page title={t("console.settings.widget")} lead={t("settings.widget.lead")}>
      <Ready of={edited}>
        {({ widgetOrigins }) => (
          <>
            <h2>{t("settings.widget.snippet")}</h2>
            <Copyable label={t("settings.widget.snippet")} text={snippet(store.me?.accountId ?? "")} />
            <h2>{t("settings.widget.pages")}</h2>
            <Form
              key={edited.key}
              fields={[
                {
                  name: "widgetOrigins",
                  label: "settings.widget.origins",
                  hint: t("settings.widget.originsHint"),
                  kind: "lines",
                },
              ]}
              initial={{ widgetOrigins } as SettingsUpdate}
              submit={t("settings.save")}
              reload={edited.reload}
              save={(values, overwrite) =>
                edited.save((rest, options) => rest.updateSettings(values, options), overwrite)
              }
            />
          </>
        )}
      </Ready>
    </Page>
  );
}

function snippet(accountId: string): string {
  return `<script src="${location.origin}/widget.js" data-account="${accountId}" defer></script>`;
}
