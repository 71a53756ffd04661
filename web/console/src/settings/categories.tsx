// The account's own categories of messages: their names, and examples from which the AI learns them.

import type { AccountCategories, AccountCategory } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { DEFAULT, keysOf, knownName } from "../categories";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { type Edited, useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { Action, Confirmed, NewLink, Page, Ready, RowLink, Tag } from "./parts";

type Own = AccountCategory[];

const LEAST = 2;
const EMPTY: AccountCategory = { key: "", name: "", description: "", examples: [] };

export function Categories({ rest: [key] }: { rest: string[] }) {
  return key ? <OneCategory address={key} /> : <AllCategories />;
}

// All categories are stored together; agents see a change at once in this tab.
function useCategories(): [
  Edited<AccountCategories>,
  (changed: AccountCategories, overwrite?: boolean) => Promise<void>,
] {
  const store = useStore();
  const edited = useEdited("categories", (rest) => rest.getCategories());
  const save = async (changed: AccountCategories, overwrite = false) => {
    await edited.save((rest, options) => rest.putCategories(changed, options), overwrite);
    void store.loadAgents();
  };
  return [edited, save];
}

function AllCategories() {
  const [edited, save] = useCategories();
  return (
    <Page
      title={t("console.settings.categories")}
      lead={t("settings.categories.lead")}
      actions={<NewLink section="categories">{t("settings.categories.create")}</NewLink>}
    >
      <Ready of={edited}>
        {({ enabled, categories }) => (
          <>
            {categories.length > 0 && (
              <ul class="plain settings-rows">
                {categories.map(({ key, name, description, examples }) => (
                  <RowLink key={key} href={settingsPath("categories", key)} title={name} detail={description}>
                    <Tag>{t("settings.categories.count", { count: examples.length })}</Tag>
                  </RowLink>
                ))}
              </ul>
            )}
            <p role="status">{t(enabled ? "settings.categories.inUse" : "settings.categories.builtIn")}</p>
            {!enabled && (
              <p class="settings-none">
                {keysOf(DEFAULT)
                  .map((key) => knownName(DEFAULT, key))
                  .join(", ")}
              </p>
            )}
            <div class="buttons">
              {(enabled || categories.length >= LEAST) && (
                <Action act={() => save({ enabled: !enabled, categories })}>
                  {t(enabled ? "settings.categories.disable" : "settings.categories.enable")}
                </Action>
              )}
            </div>
          </>
        )}
      </Ready>
    </Page>
  );
}

function fields(isNew: boolean): FieldSpec[] {
  return [
    { name: "name", label: "settings.name", isRequired: true, longest: 60 },
    {
      name: "key",
      label: "settings.categories.key",
      hint: t("settings.categories.keyHint"),
      isRequired: true,
      longest: 40,
      isDisabled: !isNew,
    },
    { name: "description", label: "settings.categories.description", longest: 300 },
    {
      name: "examples",
      label: "settings.categories.examples",
      hint: t("settings.categories.examplesHint"),
      kind: "lines",
    },
  ];
}

function OneCategory({ address }: { address: string }) {
  const store = useStore();
  const [edited, save] = useCategories();
  const isNew = address === "new";
  const change = async (all: AccountCategories, own: Own, overwrite = false) =>
    save({ enabled: all.enabled && own.length >= LEAST, categories: own }, overwrite);
  const title = (all: AccountCategories | null) => all?.categories.find(({ key }) => key === address)?.name;
  return (
    <Page
      title={title(edited.value) ?? t(isNew ? "settings.categories.create" : "settings.categories.one")}
      back={settingsPath("categories")}
    >
      <Ready of={edited}>
        {(all) => (
          <Form
            key={edited.key}
            fields={fields(isNew)}
            initial={all.categories.find(({ key }) => key === address) ?? EMPTY}
            submit={t(isNew ? "settings.categories.create" : "settings.save")}
            reload={edited.reload}
            save={async (values, overwrite) => {
              const own = all.categories.filter(({ key }) => key !== address);
              const place = isNew ? own.length : all.categories.findIndex(({ key }) => key === address);
              await change(all, own.toSpliced(place, 0, values), overwrite);
              if (isNew) store.go(settingsPath("categories"));
            }}
          >
            {!isNew && (
              <Confirmed
                label={t("settings.remove")}
                question={t("settings.categories.removeQuestion")}
                act={async () => {
                  await change(
                    all,
                    all.categories.filter(({ key }) => key !== address),
                  );
                  store.go(settingsPath("categories"));
                }}
              />
            )}
          </Form>
        )}
      </Ready>
    </Page>
  );
}
