// What became of drafts, and the topics of questions that no source answers.

import type { DraftCounts, Topic } from "@hummdesk/client/rest";
import { number, t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { PageLink } from "../components/page-link";
import { settingsPath } from "../settings-sections";
import { useStore } from "../state/context";
import { useLoaded } from "./loading";
import { Page, Ready, Select } from "./parts";
import { categoryText, Share, Table } from "./simulations";

const DAYS = [7, 30, 90] as const;
const DAY_MS = 86_400_000;
const HEADS = ["shown", "accepted", "edited", "ignored", "dismissed", "sentAnyway", "abstained"] as const;

export function DraftUse() {
  const store = useStore();
  const [days, setDays] = useState<number>(30);
  const report = useLoaded(`drafts ${days}`, (rest) => {
    const now = Date.now();
    const from = new Date(now - days * DAY_MS).toISOString();
    return rest.getDraftReport({ from, to: new Date(now).toISOString() });
  });
  return (
    <Page title={t("console.settings.drafts")} lead={t("settings.drafts.lead")}>
      <Select
        label={t("settings.drafts.range")}
        value={String(days)}
        choices={DAYS.map((one) => ({ value: String(one), label: t("settings.drafts.days", { days: one }) }))}
        change={(value) => setDays(Number(value))}
      />
      <Ready of={report}>
        {({ total, categories, sources, isPartial }) => (
          <>
            {isPartial && <p role="status">{t("settings.drafts.partial")}</p>}
            <Table
              caption={t("console.settings.drafts")}
              heads={["", t("settings.drafts.drafts"), ...HEADS.map((name) => t(`settings.drafts.${name}`))]}
            >
              <Row name={t("settings.drafts.all")} counts={total} />
              {categories.map((one) => (
                <Row key={one.category} name={categoryText(store, one.category)} counts={one} />
              ))}
              {sources.map((one) => (
                <Row
                  key={`${one.kind}${one.id ?? ""}`}
                  name={one.title ?? t(`console.ai.source.${one.kind}`)}
                  counts={one}
                />
              ))}
            </Table>
          </>
        )}
      </Ready>
      <Topics />
    </Page>
  );
}

function Row({ name, counts }: { name: string; counts: DraftCounts }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{number(counts.drafts)}</td>
      {HEADS.map((head) => (
        <td key={head}>
          <Share of={head === "abstained" ? counts.runs : counts.drafts} part={counts[head]} />
        </td>
      ))}
    </tr>
  );
}

// Of the newest simulation that is done.
function Topics() {
  const loaded = useLoaded("topics", async (rest) => {
    const { simulations } = await rest.listSimulations();
    const newest = simulations.find(({ status }) => status === "done");
    return newest ? await rest.getSimulation(newest.id) : undefined;
  });
  return (
    <>
      <h2>{t("settings.topics")}</h2>
      <p>
        {t("settings.topics.lead")}{" "}
        <PageLink href={settingsPath("simulations")}>{t("console.settings.simulations")}</PageLink>
      </p>
      <Ready of={loaded}>
        {(found) =>
          found?.topics.length ? (
            <ul class="plain settings-rows">
              {found.topics.map((topic, place) => (
                <One key={String(place)} topic={topic} />
              ))}
            </ul>
          ) : (
            <p class="settings-none">{t(found ? "settings.topics.none" : "settings.topics.unknown")}</p>
          )
        }
      </Ready>
    </>
  );
}

function One({ topic }: { topic: Topic }) {
  const store = useStore();
  return (
    <li class="proof-pair">
      <p>{t("settings.topics.count", { count: topic.questions })}</p>
      {topic.examples.map(({ messageId, conversationId, question }) => (
        <PageLink key={messageId} href={store.pathOf(conversationId)}>
          {question}
        </PageLink>
      ))}
    </li>
  );
}
