// Simulations: what the AI would have drafted on closed conversations, compared with what agents have sent.

import type { CurvePoint, SimulatedDraft, SimulatedFigures, Simulation, SimulationResult } from "@hummdesk/client/rest";
import { date, number, t } from "@hummdesk/texts";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { categoryName } from "../categories";
import { PageLink } from "../components/page-link";
import { percent } from "../format";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import type { Store } from "../state/store";
import { useAccount } from "./account";
import { useRest } from "./context";
import { Form } from "./form";
import { useLoaded, usePages } from "./loading";
import { Action, Confirmed, Page, Ready, RowLink, Rows, Tag } from "./parts";
import "./proof.css";

const REFRESH_MS = 2_000;
const DAY_MS = 86_400_000;
const UNCLASSIFIED = "unclassified";
const PROVIDERS = ["embedded", "anthropic", "openai"] as const;
const DAYS = [7, 30, 90, 365] as const;

// As in the request, so that its errors are shown at the fields; `since` is a number of days.
interface StartValues {
  since: string;
  maxConversations: string;
  maxDollars: string;
  provider: string;
}

export function Simulations({ rest: [id] }: { rest: string[] }) {
  return id ? <One id={id} /> : <All />;
}

function All() {
  const rest = useRest();
  const store = useStore();
  const loaded = useLoaded("simulations", (rest) => rest.listSimulations());
  const start = async ({ since, maxConversations, maxDollars, provider }: StartValues) => {
    const started = await rest.startSimulation({
      since: new Date(Date.now() - Number(since) * DAY_MS).toISOString(),
      maxConversations: Number(maxConversations),
      maxDollars: Number(maxDollars),
      ...(provider ? { provider: provider as (typeof PROVIDERS)[number] } : {}),
    });
    store.go(settingsPath("simulations", started.id));
  };
  return (
    <Page title={t("console.settings.simulations")} lead={t("settings.simulations.lead")}>
      <Form
        fields={[
          {
            name: "since",
            label: "settings.simulations.since",
            kind: "one",
            choices: DAYS.map((days) => ({ value: String(days), label: t("settings.simulations.days", { days }) })),
          },
          { name: "maxConversations", label: "settings.simulations.conversations", kind: "number", isRequired: true },
          {
            name: "maxDollars",
            label: "settings.simulations.dollars",
            hint: t("settings.simulations.dollarsHint"),
            kind: "number",
            isRequired: true,
          },
          {
            name: "provider",
            label: "settings.ai.provider",
            kind: "one",
            choices: [
              { value: "", label: t("settings.simulations.ofAccount") },
              ...PROVIDERS.map((one) => ({ value: one, label: t(`settings.ai.providers.${one}`) })),
            ],
          },
        ]}
        initial={{ since: "30", maxConversations: "200", maxDollars: "5", provider: "" }}
        submit={t("settings.simulations.start")}
        save={start}
      />
      <Ready of={loaded}>
        {({ simulations }) =>
          simulations.length > 0 && (
            <ul class="plain settings-rows">
              {simulations.map((one) => (
                <RowLink
                  key={one.id}
                  href={settingsPath("simulations", one.id)}
                  title={day(one.createdAt)}
                  detail={state(one)}
                >
                  <Tag {...(one.status === "failed" ? { kind: "bad" } : {})}>
                    {t(`settings.simulations.status.${one.status}`)}
                  </Tag>
                </RowLink>
              ))}
            </ul>
          )
        }
      </Ready>
    </Page>
  );
}

function One({ id }: { id: string }) {
  const rest = useRest();
  const store = useStore();
  const loaded = useLoaded(`simulation ${id}`, (rest) => rest.getSimulation(id));
  const isOpen = loaded.value !== null && loaded.value.finishedAt === undefined;
  useEffect(() => {
    const timer = isOpen ? setInterval(() => void loaded.reload(), REFRESH_MS) : undefined;
    return () => clearInterval(timer);
  }, [isOpen, loaded.reload]);
  const remove = async () => {
    await rest.deleteSimulation(id);
    store.go(settingsPath("simulations"));
  };
  const cancel = async () => {
    await rest.cancelSimulation(id);
    await loaded.reload();
  };
  return (
    <Page
      title={t("settings.simulations.one")}
      lead={t("settings.simulations.knowledgeOfNow")}
      back={settingsPath("simulations")}
    >
      <Ready of={loaded}>
        {(found) => (
          <>
            <p role="status">
              <Tag {...(found.status === "failed" ? { kind: "bad" } : {})}>
                {t(`settings.simulations.status.${found.status}`)}
              </Tag>{" "}
              {state(found)} {found.error}
            </p>
            {found.batchAt && <p>{t("settings.simulations.batch", { time: day(found.batchAt) })}</p>}
            <div class="buttons">
              {isOpen ? (
                <Action act={cancel}>{t("settings.simulations.cancel")}</Action>
              ) : (
                <Confirmed
                  label={t("settings.remove")}
                  question={t("settings.simulations.removeQuestion")}
                  act={remove}
                />
              )}
            </div>
            <Result found={found} />
            {!isOpen && <Drafts id={id} />}
          </>
        )}
      </Ready>
    </Page>
  );
}

function Result({ found }: { found: SimulationResult }) {
  const store = useStore();
  return (
    <>
      <Table
        caption={t("settings.simulations.figures")}
        heads={["", "drafted", "kept", "other", "distance", "words", "cost"].map((name) =>
          name ? t(`settings.simulations.head.${name as "kept"}`) : "",
        )}
      >
        <Row name={t("settings.simulations.all")} figures={found.total} />
        {found.answers.map((one) => (
          <Row
            key={String(one.isFirst)}
            name={t(one.isFirst ? "settings.simulations.first" : "settings.simulations.later")}
            figures={one}
          />
        ))}
        {found.categories.map((one) => (
          <Row key={one.category} name={categoryText(store, one.category)} figures={one} />
        ))}
        {found.sources.map((one) => (
          <Row
            key={`${one.kind}${one.id ?? ""}`}
            name={one.title ?? t(`console.ai.source.${one.kind}`)}
            figures={one}
          />
        ))}
      </Table>
      <Threshold curve={found.curve} />
    </>
  );
}

// The minimum confidence of drafts, chosen from the curve.
function Threshold({ curve }: { curve: CurvePoint[] }) {
  const account = useAccount();
  const use = (aiMinConfidence: number) =>
    account.save((rest, options) => rest.updateSettings({ aiMinConfidence }, options), true);
  const used = account.value?.aiMinConfidence ?? 0;
  return (
    <>
      <h2>{t("settings.simulations.curve")}</h2>
      <p>{t("settings.simulations.curveLead")}</p>
      <Table
        caption={t("settings.simulations.curve")}
        heads={["confidence", "coverage", "kept", "whole", ""].map((name) =>
          name ? t(`settings.simulations.head.${name as "kept"}`) : "",
        )}
      >
        {curve.map((point) => (
          <tr key={point.minConfidence}>
            <th scope="row">{number(point.minConfidence)}</th>
            <td>
              <Share of={point.questions} part={point.drafted} />
            </td>
            <td>
              <Share of={point.facts} part={point.keptFacts} />
            </td>
            <td>
              <Share of={point.withFacts} part={point.withAllFacts} />
            </td>
            <td>
              {used === point.minConfidence ? (
                <Tag kind="good">{t("settings.simulations.inUse")}</Tag>
              ) : (
                <Action class="quiet" act={() => use(point.minConfidence)}>
                  {t("settings.simulations.use")}
                </Action>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Row({ name, figures }: { name: string; figures: SimulatedFigures }) {
  const { questions, drafted, facts, keptFacts, otherFacts, editDistance, draftWords, replyWords, costUsd } = figures;
  const words =
    draftWords === undefined ? "–" : `${number(Math.round(draftWords))} / ${number(Math.round(replyWords ?? 0))}`;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <Share of={questions} part={drafted} />
      </td>
      <td>
        <Share of={facts} part={keptFacts} />
      </td>
      <td>{number(otherFacts)}</td>
      <td>{editDistance === undefined ? "–" : percent(editDistance)}</td>
      <td>{words}</td>
      <td>{number(costUsd)}</td>
    </tr>
  );
}

// The name of a category in figures, also of messages that have none.
export function categoryText({ categories }: Store, key: string): string {
  return key === UNCLASSIFIED ? t("settings.simulations.unclassified") : categoryName(categories, key);
}

export function Share({ of, part }: { of: number; part: number }) {
  return (
    <>
      {t("settings.simulations.share", { part, of })} {of > 0 && <small>{percent(part / of)}</small>}
    </>
  );
}

export function Table(props: { caption: string; heads: string[]; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section class="proof-table" aria-label={props.caption} tabIndex={0}>
      <table>
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>
            {props.heads.map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </section>
  );
}

function Drafts({ id }: { id: string }) {
  const pages = usePages("drafts", (rest, page) => rest.listSimulatedDrafts(id, page), id);
  return (
    <>
      <h2>{t("settings.simulations.drafts")}</h2>
      <Rows of={pages} none={t("settings.simulations.none")}>
        {(draft) => <Pair key={draft.messageId} draft={draft} />}
      </Rows>
    </>
  );
}

// A question with the draft and the reply beside each other.
function Pair({ draft }: { draft: SimulatedDraft }) {
  const store = useStore();
  return (
    <li class="proof-pair">
      <p dir="auto">
        <PageLink href={store.pathOf(draft.conversationId)}>{draft.question}</PageLink>
      </p>
      <div>
        <h3>
          {t("console.ai.draft")} {draft.confidence !== undefined && <small>{percent(draft.confidence)}</small>}
        </h3>
        <p dir="auto">{draft.draft ?? t(`settings.simulations.outcome.${draft.outcome}`)}</p>
      </div>
      <div>
        <h3>{t("settings.simulations.reply")}</h3>
        <p dir="auto">{draft.reply}</p>
      </div>
    </li>
  );
}

function state({ completed, questions, conversations, costUsd }: Simulation): string {
  return t("settings.simulations.state", { completed, questions, conversations, cost: number(costUsd) });
}

function day(at: string): string {
  return date(new Date(at), { dateStyle: "medium", timeStyle: "short" });
}
