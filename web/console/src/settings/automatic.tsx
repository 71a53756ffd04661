// What the AI answers by itself, by category, with a confidence chosen from a simulation; and what became of it.

import type { AutomaticAnswers, AutomaticCounts, SimulationResult } from "@hummdesk/client/rest";
import { number, t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { PageLink } from "../components/page-link";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { useEdited } from "./editing";
import { useLoaded } from "./loading";
import { Action, failureText, Page, Ready, Select } from "./parts";
import { categoryText, Share, Table } from "./simulations";

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
              {({ result }) => (
                <>
                  {!result && <None />}
                  <Thresholds settings={settings} result={result} save={save} />
                </>
              )}
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

// The categories of the simulation, and those in use that it does not have.
function Thresholds(props: {
  settings: AutomaticAnswers;
  result: SimulationResult | undefined;
  save: (changed: AutomaticAnswers) => Promise<void>;
}) {
  const { settings, result, save } = props;
  const store = useStore();
  const [failures, setFailures] = useState(0);
  const simulated = result?.categories ?? [];
  const names = [...new Set([...simulated, ...settings.categories].map(({ category }) => category))];
  if (names.length === 0) return null;
  const choose = (category: string, value: string) => {
    const others = settings.categories.filter((one) => one.category !== category);
    const chosen =
      value === OFF || !result ? [] : [{ category, minConfidence: Number(value), simulationId: result.id }];
    return save({ ...settings, categories: [...others, ...chosen] }).catch((failure: unknown) => {
      store.showToast(failureText(failure));
      setFailures(failures + 1); // shows the stored choice again
    });
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
      {names.map((name) => {
        const figures = simulated.find(({ category }) => category === name);
        const used = settings.categories.find(({ category }) => category === name)?.minConfidence;
        const choices = [...new Set([...(used === undefined ? [] : [used]), ...(figures ? CHOICES : [])])].sort(
          (a, b) => a - b,
        );
        return (
          <tr key={name}>
            <th scope="row">{categoryText(store, name)}</th>
            <td>{figures ? <Share of={figures.questions} part={figures.drafted} /> : "–"}</td>
            <td>{figures ? <Share of={figures.facts} part={figures.keptFacts} /> : "–"}</td>
            <td>
              <Select
                key={failures}
                label={t("settings.automatic.from")}
                value={used === undefined ? OFF : String(used)}
                choices={[
                  { value: OFF, label: t("settings.automatic.never") },
                  ...choices.map((value) => ({ value: String(value), label: number(value) })),
                ]}
                change={(value) => void choose(name, value)}
              />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function Report() {
  const store = useStore();
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
              <Row key={one.category} name={categoryText(store, one.category)} counts={one} />
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
