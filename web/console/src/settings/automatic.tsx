// What the AI answers by itself, by category, with a confidence chosen from a simulation; and what became of it.

import type { AutomaticAnswers, AutomaticCounts, SimulationResult } from "@hummdesk/client/rest";
import { number, t } from "@hummdesk/texts";
import { PageLink } from "../components/page-link";
import { settingsPath } from "../settings-sections";
import { useEdited } from "./editing";
import { useLoaded } from "./loading";
import { Action, Page, Ready, Select } from "./parts";
import { Share, Table } from "./simulations";

const DAYS = 30;
const DAY_MS = 86_400_000;
const OFF = "";
const CHOICES = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
const COUNTS = ["resolved", "waiting", "handedOver", "answeredByPerson", "yes", "no"] as const;

export function Automatic() {
  const edited = useEdited("automatic", (rest) => rest.getAutomaticAnswers());
  const simulation = useLoaded("newest simulation", async (rest) => {
    const { simulations } = await rest.listSimulations();
    const newest = simulations.find(({ status }) => status === "done");
    return { result: newest ? await rest.getSimulation(newest.id) : undefined };
  });
  const save = (changed: AutomaticAnswers) =>
    edited.save((rest, options) => rest.putAutomaticAnswers(changed, options), false);
  return (
    <Page title={t("console.settings.automatic")} lead={t("settings.automatic.lead")}>
      <Ready of={edited}>
        {(settings) => (
          <>
            <p role="status">{t(settings.enabled ? "settings.automatic.on" : "settings.automatic.off")}</p>
            <div class="buttons">
              <Action act={() => save({ ...settings, enabled: !settings.enabled })}>
                {t(settings.enabled ? "settings.automatic.disable" : "settings.automatic.enable")}
              </Action>
            </div>
            <Ready of={simulation}>
              {({ result }) => (result ? <Thresholds settings={settings} result={result} save={save} /> : <None />)}
            </Ready>
          </>
        )}
      </Ready>
      <Report />
    </Page>
  );
}

function None() {
  return (
    <p class="settings-none">
      {t("settings.automatic.unproven")}{" "}
      <PageLink href={settingsPath("simulations")}>{t("console.settings.simulations")}</PageLink>
    </p>
  );
}

function Thresholds(props: {
  settings: AutomaticAnswers;
  result: SimulationResult;
  save: (changed: AutomaticAnswers) => Promise<void>;
}) {
  const { settings, result, save } = props;
  const choose = (category: string, value: string) => {
    const others = settings.categories.filter((one) => one.category !== category);
    const chosen = value === OFF ? [] : [{ category, minConfidence: Number(value), simulationId: result.id }];
    return save({ ...settings, categories: [...others, ...chosen] });
  };
  return (
    <Table
      caption={t("settings.automatic.categories")}
      heads={[
        t("settings.automatic.category"),
        t("settings.simulations.head.drafted"),
        t("settings.simulations.head.kept"),
        t("settings.automatic.from"),
      ]}
    >
      {result.categories.map((one) => {
        const used = settings.categories.find(({ category }) => category === one.category)?.minConfidence;
        const choices = used === undefined || CHOICES.includes(used) ? CHOICES : [used, ...CHOICES];
        return (
          <tr key={one.category}>
            <th scope="row">{one.category}</th>
            <td>
              <Share of={one.questions} part={one.drafted} />
            </td>
            <td>
              <Share of={one.facts} part={one.keptFacts} />
            </td>
            <td>
              <Select
                label={t("settings.automatic.from")}
                value={used === undefined ? OFF : String(used)}
                choices={[
                  { value: OFF, label: t("settings.automatic.never") },
                  ...choices.map((value) => ({ value: String(value), label: number(value) })),
                ]}
                change={(value) => void choose(one.category, value)}
              />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function Report() {
  const loaded = useLoaded("automatic report", (rest) => {
    const now = Date.now();
    return rest.getAutomaticReport({
      from: new Date(now - DAYS * DAY_MS).toISOString(),
      to: new Date(now).toISOString(),
    });
  });
  return (
    <>
      <h2>{t("settings.automatic.report", { days: DAYS })}</h2>
      <p>{t("settings.automatic.reportLead")}</p>
      <Ready of={loaded}>
        {({ total, categories }) => (
          <Table
            caption={t("settings.automatic.report", { days: DAYS })}
            heads={[
              "",
              t("settings.automatic.conversations"),
              ...COUNTS.map((name) => t(`settings.automatic.${name}`)),
            ]}
          >
            <Row name={t("settings.automatic.all")} counts={total} />
            {categories.map((one) => (
              <Row key={one.category} name={one.category} counts={one} />
            ))}
          </Table>
        )}
      </Ready>
    </>
  );
}

function Row({ name, counts }: { name: string; counts: AutomaticCounts }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{number(counts.conversations)}</td>
      {COUNTS.map((count) => (
        <td key={count}>
          <Share of={counts.conversations} part={counts[count]} />
        </td>
      ))}
    </tr>
  );
}
