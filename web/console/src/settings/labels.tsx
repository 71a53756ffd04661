// The labels of conversations.

import type { LabelUpdate, NewLabel } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { LabelDot } from "../label-chips";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { useRest } from "./context";
import { useEdited } from "./editing";
import { type FieldSpec, Form } from "./form";
import { usePages } from "./loading";
import { Action, Confirmed, NewLink, Page, Ready, RowLink, Rows, Tag } from "./parts";

// Readable beside text on light and dark ground.
const COLORS = {
  red: "#d0453e",
  orange: "#c96a12",
  yellow: "#a98508",
  green: "#2e8f57",
  teal: "#11868a",
  blue: "#3a74d8",
  violet: "#8257d6",
  gray: "#74808a",
} as const;

export function Labels({ rest: [id] }: { rest: string[] }) {
  if (id === "new") return <NewLabelPage />;
  return id ? <OneLabel id={id} /> : <AllLabels />;
}

function AllLabels() {
  const pages = usePages("labels", (rest, page) => rest.listLabels(page));
  return (
    <Page
      title={t("console.settings.labels")}
      lead={t("settings.labels.lead")}
      actions={<NewLink section="labels">{t("settings.labels.create")}</NewLink>}
    >
      <Rows of={pages} none={t("settings.labels.none")}>
        {(label) => (
          <RowLink
            key={label.id}
            href={settingsPath("labels", label.id)}
            title={label.name}
            mark={<LabelDot color={label.color} />}
          >
            {!label.active && <Tag kind="bad">{t("settings.disabled")}</Tag>}
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

// The colors of the list, and that of the label if it is another one.
function fields(color?: string): FieldSpec[] {
  const names = Object.entries(COLORS) as [keyof typeof COLORS, string][];
  const choices = names.map(([name, value]) => ({ value, label: t(`settings.labels.colors.${name}`) }));
  const isOther = color !== undefined && !names.some(([, value]) => value === color);
  return [
    { name: "name", label: "settings.name", isRequired: true, longest: 50 },
    {
      name: "color",
      label: "settings.labels.color",
      kind: "one",
      choices: isOther ? [...choices, { value: color, label: color }] : choices,
    },
  ];
}

function NewLabelPage() {
  const rest = useRest();
  const store = useStore();
  const create = async (values: NewLabel) => {
    await rest.createLabel(values);
    store.go(settingsPath("labels"));
  };
  return (
    <Page title={t("settings.labels.create")} back={settingsPath("labels")}>
      <Form
        fields={fields()}
        initial={{ name: "", color: COLORS.blue } as NewLabel}
        submit={t("settings.labels.create")}
        save={create}
      />
    </Page>
  );
}

function OneLabel({ id }: { id: string }) {
  const edited = useEdited(`label ${id}`, (rest) => rest.getLabel(id));
  const save = (changes: LabelUpdate, overwrite = false) =>
    edited.save((rest, options) => rest.updateLabel(id, changes, options), overwrite);
  return (
    <Page
      title={edited.value?.name ?? t("settings.labels.one")}
      back={settingsPath("labels")}
      actions={edited.value?.active === false && <Tag kind="bad">{t("settings.disabled")}</Tag>}
    >
      <Ready of={edited}>
        {({ name, color, active }) => (
          <Form
            key={edited.key}
            fields={fields(color)}
            initial={{ name, color } as LabelUpdate}
            submit={t("settings.save")}
            reload={edited.reload}
            save={save}
          >
            {active ? (
              <Confirmed
                label={t("settings.disable")}
                question={t("settings.labels.disableQuestion")}
                act={() => save({ active: false })}
              />
            ) : (
              <Action act={() => save({ active: true })}>{t("settings.enable")}</Action>
            )}
          </Form>
        )}
      </Ready>
    </Page>
  );
}
