// Settings of the widget: the code for pages, its look with a preview, and the pages that may show it.

import { isColor, textColorOn } from "@hummdesk/client";
import type { LookTexts, SettingsUpdate, WidgetLook } from "@hummdesk/client/rest";
import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { useStore } from "../state/context";
import { useAccount } from "./account";
import { type FieldSpec, Form } from "./form";
import { Copyable, Page, Ready } from "./parts";

const ALL = Object.keys(LANGUAGES) as Language[];
const COLOR = "widgetLook.color";
const POSITION = "widgetLook.position";
const LONGEST = { title: 60, greeting: 200 };
// The light one of the widget's style.css.
const DEFAULT_COLOR = "#0b5f59";

// By the path in the settings. An empty text is the default.
type Values = Record<string, string>;

export function Widget() {
  const store = useStore();
  const edited = useAccount();
  return (
    <Page title={t("console.settings.widget")} lead={t("settings.widget.lead")}>
      <Ready of={edited}>
        {({ widgetOrigins, widgetLook }) => (
          <>
            <h2>{t("settings.widget.snippet")}</h2>
            <Copyable label={t("settings.widget.snippet")} text={snippet(store.me?.accountId ?? "", widgetLook)} />
            <section class="settings-part" aria-labelledby="look">
              <h2 id="look">{t("settings.widget.look")}</h2>
              <Form
                key={`look-${edited.key}`}
                fields={lookFields()}
                initial={valuesOf(widgetLook)}
                submit={t("settings.save")}
                preview={Preview}
                reload={edited.reload}
                save={(values, overwrite) =>
                  edited.save(
                    (rest, options) => rest.updateSettings({ widgetLook: lookOf(values) }, options),
                    overwrite,
                  )
                }
              />
            </section>
            <section class="settings-part" aria-labelledby="pages">
              <h2 id="pages">{t("settings.widget.pages")}</h2>
              <Form
                key={`pages-${edited.key}`}
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
            </section>
          </>
        )}
      </Ready>
    </Page>
  );
}

function lookFields(): FieldSpec[] {
  const texts = ALL.flatMap((one): FieldSpec[] => [
    {
      name: textPath(one, "title"),
      label: () => t("settings.widget.titleIn", { language: LANGUAGES[one] }),
      longest: LONGEST.title,
    },
    {
      name: textPath(one, "greeting"),
      label: () => t("settings.widget.greetingIn", { language: LANGUAGES[one] }),
      longest: LONGEST.greeting,
    },
  ]);
  return [
    { name: COLOR, label: "settings.widget.color", hint: t("settings.widget.colorHint"), longest: 7 },
    {
      name: POSITION,
      label: "settings.widget.position",
      kind: "one",
      choices: [
        { value: "right", label: t("settings.widget.right") },
        { value: "left", label: t("settings.widget.left") },
      ],
    },
    ...texts,
  ];
}

function textPath(one: Language, name: keyof LookTexts): string {
  return `widgetLook.texts.${one}.${name}`;
}

function valuesOf({ color = "", position = "right", texts = {} }: WidgetLook): Values {
  const entries = ALL.flatMap((one) => [
    [textPath(one, "title"), texts[one]?.title ?? ""],
    [textPath(one, "greeting"), texts[one]?.greeting ?? ""],
  ]);
  return { [COLOR]: color, [POSITION]: position, ...Object.fromEntries(entries) };
}

function lookOf(values: Values): WidgetLook {
  const text = (path: string) => (values[path] ?? "").trim();
  const look: WidgetLook = {};
  if (text(COLOR)) look.color = text(COLOR).toLowerCase();
  if (text(POSITION) === "left") look.position = "left";
  for (const one of ALL) {
    const title = text(textPath(one, "title"));
    const greeting = text(textPath(one, "greeting"));
    const texts = { ...(title && { title }), ...(greeting && { greeting }) };
    if (title || greeting) look.texts = { ...look.texts, [one]: texts };
  }
  return look;
}

function Preview(values: Values) {
  const { color = "", position = "right", texts } = lookOf(values);
  const brand = isColor(color) ? color : DEFAULT_COLOR;
  return (
    <section class="preview" aria-label={t("settings.widget.preview")}>
      <h3 class="overline">{t("settings.widget.preview")}</h3>
      <div
        class="widget-preview"
        data-position={position}
        style={{ "--brand": brand, "--on-brand": textColorOn(brand) }}
      >
        <div class="widget-preview-panel">
          <p class="widget-preview-title">{texts?.[language]?.title ?? t("settings.widget.defaultTitle")}</p>
          <p>{texts?.[language]?.greeting ?? t("settings.widget.defaultGreeting")}</p>
        </div>
        <span class="widget-preview-launcher" />
      </div>
    </section>
  );
}

function snippet(accountId: string, { color, position }: WidgetLook): string {
  const look = `${color ? ` data-color="${color}"` : ""}${position === "left" ? ' data-position="left"' : ""}`;
  return `<script src="${location.origin}/widget.js" data-account="${accountId}"${look} defer></script>`;
}
