// Settings of the account: the AI, name and retention.

import type { AccountSettings, SettingsUpdate } from "@hummdesk/client/rest";
import { number, t } from "@hummdesk/texts";
import { useEdited } from "./editing";
import { Form } from "./form";
import { useLoaded } from "./loading";
import { Page, Ready } from "./parts";

export function useAccount() {
  return useEdited("settings", (rest) => rest.getSettings());
}

// Numbers as text: an empty field is the default of the server.
interface AiValues {
  aiProvider: string;
  aiDailyTokens: string;
  aiDailyDollars: string;
  aiMinConfidence: string;
  aiCompany: string;
  aiVoice: string;
  aiPolicies: string;
}

const PROVIDERS = ["embedded", "anthropic", "openai"] as const;

export function Ai() {
  const edited = useAccount();
  const changes = ({
    aiProvider,
    aiDailyTokens,
    aiDailyDollars,
    aiMinConfidence,
    ...profile
  }: AiValues): SettingsUpdate =>
    ({
      aiProvider: aiProvider || null,
      aiDailyTokens: aiDailyTokens === "" ? null : Number(aiDailyTokens),
      aiDailyDollars: aiDailyDollars === "" ? null : Number(aiDailyDollars),
      aiMinConfidence: aiMinConfidence === "" ? null : Number(aiMinConfidence),
      ...profile,
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
              {
                name: "aiMinConfidence",
                label: "settings.ai.minConfidence",
                hint: t("settings.ai.minConfidenceHint"),
                kind: "number",
              },
              {
                name: "aiCompany",
                label: "settings.ai.company",
                hint: t("settings.ai.companyHint"),
                kind: "long",
                longest: 2000,
              },
              { name: "aiVoice", label: "settings.ai.voice", kind: "long", longest: 2000 },
              { name: "aiPolicies", label: "settings.ai.policies", kind: "long", longest: 8000 },
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

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

function amount(bytes: number): string {
  const [unit, size] = bytes < GIB ? (["megabyte", MIB] as const) : (["gigabyte", GIB] as const);
  return number(bytes / size, { style: "unit", unit, maximumFractionDigits: 1 });
}

// How much of the quota the files of the account use.
function FileUse() {
  const usage = useLoaded("file usage", (rest) => rest.getFileUsage());
  return (
    <section aria-label={t("settings.account.files")}>
      <h2>{t("settings.account.files")}</h2>
      <Ready of={usage}>
        {({ bytes, quotaBytes }) => (
          <>
            {quotaBytes !== null && (
              <meter value={bytes} max={quotaBytes} high={0.9 * quotaBytes} aria-label={t("settings.account.files")} />
            )}
            <p>
              {quotaBytes === null
                ? t("settings.account.filesUsed", { used: amount(bytes) })
                : t("settings.account.filesOf", { used: amount(bytes), quota: amount(quotaBytes) })}
            </p>
          </>
        )}
      </Ready>
    </section>
  );
}

function aiValues(settings: AccountSettings): AiValues {
  const { aiProvider, aiDailyTokens, aiDailyDollars, aiMinConfidence, aiCompany, aiVoice, aiPolicies } = settings;
  return {
    aiProvider: aiProvider ?? "",
    aiDailyTokens: String(aiDailyTokens ?? ""),
    aiDailyDollars: String(aiDailyDollars ?? ""),
    aiMinConfidence: String(aiMinConfidence ?? ""),
    aiCompany,
    aiVoice,
    aiPolicies,
  };
}

// The days as text: an empty field is no limit.
interface AccountValues {
  name: string;
  retentionDays: string;
  readOnView: string;
}

const READ_ON_VIEW = ["off", "assignee"] as const;

export function Account() {
  const edited = useAccount();
  const changes = ({ name, retentionDays, readOnView }: AccountValues): SettingsUpdate =>
    ({ name, retentionDays: retentionDays === "" ? null : Number(retentionDays), readOnView }) as SettingsUpdate;
  return (
    <Page title={t("console.settings.account")}>
      <Ready of={edited}>
        {({ name, retentionDays, readOnView }) => (
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
              {
                name: "readOnView",
                label: "settings.account.readOnView",
                hint: t("settings.account.readOnViewHint"),
                kind: "one",
                choices: READ_ON_VIEW.map((one) => ({ value: one, label: t(`settings.account.readOnView.${one}`) })),
              },
            ]}
            initial={{ name, retentionDays: String(retentionDays ?? ""), readOnView }}
            submit={t("settings.save")}
            reload={edited.reload}
            save={(values: AccountValues, overwrite) =>
              edited.save((rest, options) => rest.updateSettings(changes(values), options), overwrite)
            }
          />
        )}
      </Ready>
      <FileUse />
    </Page>
  );
}
