// Settings of the widget: the code for pages, its look with a preview, and the pages that may show it.

import { isColor, textColorOn } from "@hummdesk/client";
import type { LookTexts, ProactiveRule, SettingsUpdate, WidgetLook } from "@hummdesk/client/rest";
import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { useStore } from "../state/context";
import { useAccount } from "./account";
import { type FieldSpec, Form } from "./form";
import { Copyable, Page, Ready } from "./parts";

const ALL = Object.keys(LANGUAGES) as Language[];
const COLOR = "widgetLook.color";
const POSITION = "widgetLook.position";
const LONGEST = { title: 60, greeting: 200 };
// By name, with the default.
const SWITCHES = { showTeam: true, askEmail: true, namePage: true, recordPages: false };
const SWITCH_NAMES = Object.keys(SWITCHES) as (keyof typeof SWITCHES)[];
const PRE_CHAT = "widgetLook.preChat";
const MESSAGES = [0, 1, 2];
// The light one of the widget's style.css.
const DEFAULT_COLOR = "#0b5f59";

// By the path in the settings. An empty text is the default.
type Values = Record<string, string | boolean>;

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
    ...SWITCH_NAMES.map(
      (name): FieldSpec => ({
        name: `widgetLook.${name}`,
        label: `settings.widget.${name}`,
        hint: name === "recordPages" ? t("settings.widget.recordPagesHint") : undefined,
        kind: "yes",
      }),
    ),
    {
      name: PRE_CHAT,
      label: "settings.widget.preChat",
      kind: "one",
      choices: [
        { value: "off", label: t("settings.widget.preChatOff") },
        { value: "optional", label: t("settings.widget.preChatOptional") },
        { value: "required", label: t("settings.widget.preChatRequired") },
      ],
    },
    ...MESSAGES.flatMap(messageFields),
  ];
}

// The fields of one proactive message. Without texts, there is none.
function messageFields(n: number): FieldSpec[] {
  const values = { number: n + 1 };
  return [
    ...ALL.map(
      (one): FieldSpec => ({
        name: messagePath(n, `texts.${one}`),
        label: () => t("settings.widget.messageIn", { ...values, language: LANGUAGES[one] }),
        longest: LONGEST.greeting,
      }),
    ),
    {
      name: messagePath(n, "page"),
      label: () => t("settings.widget.messagePage", values),
      hint: t("settings.widget.messagePageHint"),
      longest: 200,
    },
    { name: messagePath(n, "afterSeconds"), label: () => t("settings.widget.messageAfter", values), kind: "number" },
    {
      name: messagePath(n, "visitors"),
      label: () => t("settings.widget.messageVisitors", values),
      kind: "one",
      choices: [
        { value: "all", label: t("settings.widget.visitorsAll") },
        { value: "new", label: t("settings.widget.visitorsNew") },
        { value: "returning", label: t("settings.widget.visitorsReturning") },
      ],
    },
  ];
}

function messagePath(n: number, name: string): string {
  return `widgetLook.proactive.${n}.${name}`;
}

function textPath(one: Language, name: keyof LookTexts): string {
  return `widgetLook.texts.${one}.${name}`;
}

function valuesOf(look: WidgetLook): Values {
  const { color = "", position = "right", texts = {}, preChat = "off", proactive = [] } = look;
  const entries = ALL.flatMap((one) => [
    [textPath(one, "title"), texts[one]?.title ?? ""],
    [textPath(one, "greeting"), texts[one]?.greeting ?? ""],
  ]);
  const switches = SWITCH_NAMES.map((name) => [`widgetLook.${name}`, look[name] ?? SWITCHES[name]]);
  const messages = MESSAGES.flatMap((n) => messageValues(n, proactive[n]));
  const others = Object.fromEntries([...entries, ...switches, ...messages]);
  return { [COLOR]: color, [POSITION]: position, [PRE_CHAT]: preChat, ...others };
}

function messageValues(n: number, rule: ProactiveRule | undefined): [string, string][] {
  return [
    ...ALL.map((one): [string, string] => [messagePath(n, `texts.${one}`), rule?.texts[one] ?? ""]),
    [messagePath(n, "page"), rule?.page ?? ""],
    [messagePath(n, "afterSeconds"), String(rule?.afterSeconds ?? "")],
    [messagePath(n, "visitors"), rule?.visitors ?? "all"],
  ];
}

function lookOf(values: Values): WidgetLook {
  const text = (path: string) => String(values[path] ?? "").trim();
  const look: WidgetLook = {};
  if (text(COLOR)) look.color = text(COLOR).toLowerCase();
  if (text(POSITION) === "left") look.position = "left";
  for (const one of ALL) {
    const title = text(textPath(one, "title"));
    const greeting = text(textPath(one, "greeting"));
    const texts = { ...(title && { title }), ...(greeting && { greeting }) };
    if (title || greeting) look.texts = { ...look.texts, [one]: texts };
  }
  for (const name of SWITCH_NAMES) {
    const value = values[`widgetLook.${name}`] === true;
    if (value !== SWITCHES[name]) look[name] = value;
  }
  const preChat = text(PRE_CHAT) as NonNullable<WidgetLook["preChat"]>;
  if (preChat !== "off") look.preChat = preChat;
  const proactive = MESSAGES.flatMap((n) => messageOf(n, text));
  if (proactive.length > 0) look.proactive = proactive;
  return look;
}

function messageOf(n: number, text: (path: string) => string): ProactiveRule[] {
  const texts = Object.fromEntries(
    ALL.map((one) => [one, text(messagePath(n, `texts.${one}`))]).filter(([, value]) => value !== ""),
  );
  if (Object.keys(texts).length === 0) return [];
  const [page, after, visitors] = ["page", "afterSeconds", "visitors"].map((name) => text(messagePath(n, name)));
  return [
    {
      texts,
      ...(page && { page }),
      ...(after && { afterSeconds: Number(after) }),
      ...(visitors !== "all" && { visitors: visitors as NonNullable<ProactiveRule["visitors"]> }),
    },
  ];
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
