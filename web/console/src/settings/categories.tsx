// The account's own categories and tags of messages: their names, and examples from which the AI learns them.

import type { AccountCategories, AccountCategory, AccountTags } from "@hummdesk/client/rest";
import { type PlainKey, t } from "@hummdesk/texts";
import { DEFAULT, keysOf, knownName } from "../categories";
import { PageLink } from "../components/page-link";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { type Edited, useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { Action, Confirmed, Page, Ready, RowLink, Tag } from "./parts";

// A category or a tag: both have the same fields.
type Term = AccountCategory;

interface Noun {
  // Between the section and the key in an address.
  path: string[];
  one: PlainKey;
  create: PlainKey;
  keyHint: PlainKey;
  removeQuestion: PlainKey;
}

const CATEGORY: Noun = {
  path: [],
  one: "settings.categories.one",
  create: "settings.categories.create",
  keyHint: "settings.categories.keyHint",
  removeQuestion: "settings.categories.removeQuestion",
};
const TAG: Noun = {
  path: ["tags"],
  one: "settings.tags.one",
  create: "settings.tags.create",
  keyHint: "settings.tags.keyHint",
  removeQuestion: "settings.tags.removeQuestion",
};

// In the place of a key in an address: a key has no hyphen.
const NEW = "new-one";
const LEAST = 2;
const EMPTY: Term = { key: "", name: "", description: "", examples: [] };

type Change<T> = (changed: T, overwrite?: boolean) => Promise<void>;

export function Categories({ rest: [key, tag] }: { rest: string[] }) {
  if (key === "tags" && tag) return <OneTag address={tag} />;
  return key ? <OneCategory address={key} /> : <AllCategories />;
}

// All categories are stored together; agents see a change at once in this tab.
function useCategories(): [Edited<AccountCategories>, Change<AccountCategories>] {
  const store = useStore();
  const edited = useEdited("categories", (rest) => rest.getCategories());
  const save = async (changed: AccountCategories, overwrite = false) => {
    await edited.save((rest, options) => rest.putCategories(changed, options), overwrite);
    void store.loadAgents();
  };
  return [edited, save];
}

// As `useCategories`.
function useTags(): [Edited<AccountTags>, Change<AccountTags>] {
  const store = useStore();
  const edited = useEdited("tags", (rest) => rest.getTags());
  const save = async (changed: AccountTags, overwrite = false) => {
    await edited.save((rest, options) => rest.putTags(changed, options), overwrite);
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
      actions={
        <PageLink class="primary" href={pathOf(CATEGORY, NEW)}>
          {t("settings.categories.create")}
        </PageLink>
      }
    >
      <Ready of={edited}>
        {({ enabled, categories }) => (
          <>
            <Terms noun={CATEGORY} terms={categories} />
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
      <AllTags />
    </Page>
  );
}

function AllTags() {
  const [edited] = useTags();
  return (
    <>
      <h2>{t("settings.tags")}</h2>
      <p class="settings-lead">{t("settings.tags.lead")}</p>
      <Ready of={edited}>
        {({ tags }) => (
          <>
            <Terms noun={TAG} terms={tags} />
            {tags.length === 0 && <p class="settings-none">{t("settings.tags.builtIn")}</p>}
            <div class="buttons">
              <PageLink class="secondary" href={pathOf(TAG, NEW)}>
                {t("settings.tags.create")}
              </PageLink>
            </div>
          </>
        )}
      </Ready>
    </>
  );
}

function Terms({ noun, terms }: { noun: Noun; terms: Term[] }) {
  if (terms.length === 0) return null;
  return (
    <ul class="plain settings-rows">
      {terms.map(({ key, name, description, examples }) => (
        <RowLink key={key} href={pathOf(noun, key)} title={name} detail={description}>
          <Tag>{t("settings.categories.count", { count: examples.length })}</Tag>
        </RowLink>
      ))}
    </ul>
  );
}

function pathOf(noun: Noun, key: string): string {
  return settingsPath("categories", ...noun.path, key);
}

function fields(noun: Noun, isNew: boolean): FieldSpec[] {
  return [
    { name: "name", label: "settings.name", isRequired: true, longest: 60 },
    {
      name: "key",
      label: "settings.categories.key",
      hint: t(noun.keyHint),
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
  const [edited, save] = useCategories();
  return (
    <OneTerm
      noun={CATEGORY}
      address={address}
      edited={edited}
      termsOf={({ categories }) => categories}
      change={({ enabled }, categories, overwrite) =>
        save({ enabled: enabled && categories.length >= LEAST, categories }, overwrite)
      }
    />
  );
}

function OneTag({ address }: { address: string }) {
  const [edited, save] = useTags();
  return (
    <OneTerm
      noun={TAG}
      address={address}
      edited={edited}
      termsOf={({ tags }) => tags}
      change={(_, tags, overwrite) => save({ tags }, overwrite)}
    />
  );
}

// `termsOf` returns the list of which this is one, and `change` stores another list.
function OneTerm<T>(props: {
  noun: Noun;
  address: string;
  edited: Edited<T>;
  termsOf: (all: T) => Term[];
  change: (all: T, terms: Term[], overwrite?: boolean) => Promise<void>;
}) {
  const { noun, address, edited, termsOf, change } = props;
  const store = useStore();
  const isNew = address === NEW;
  const found = (all: T | null) => all && termsOf(all).find(({ key }) => key === address);
  const leave = () => store.go(settingsPath("categories"));
  return (
    <Page title={found(edited.value)?.name ?? t(isNew ? noun.create : noun.one)} back={settingsPath("categories")}>
      <Ready of={edited}>
        {(all) => (
          <Form
            key={edited.key}
            fields={fields(noun, isNew)}
            initial={found(all) ?? EMPTY}
            submit={t(isNew ? noun.create : "settings.save")}
            reload={edited.reload}
            save={async (values, overwrite) => {
              const others = termsOf(all).filter(({ key }) => key !== address);
              const place = isNew ? others.length : termsOf(all).findIndex(({ key }) => key === address);
              await change(all, others.toSpliced(place, 0, values), overwrite);
              if (isNew) leave();
            }}
          >
            {!isNew && (
              <Confirmed
                label={t("settings.remove")}
                question={t(noun.removeQuestion)}
                act={async () => {
                  await change(
                    all,
                    termsOf(all).filter(({ key }) => key !== address),
                  );
                  leave();
                }}
              />
            )}
          </Form>
        )}
      </Ready>
    </Page>
  );
}
