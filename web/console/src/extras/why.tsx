// Why a conversation is assigned as it is: the decision of routing, with the agents it chose from.

import { type Decision, RequestError } from "@hummdesk/client";
import { languageName, list, t } from "@hummdesk/texts";
import { useEffect, useState } from "preact/hooks";
import { knownName } from "../categories";
import { Dialog } from "../components/dialog";
import { fullTime } from "../format";
import { useStore } from "../state/context";
import type { Store } from "../state/store";

type Candidate = Decision["candidates"][number];

export function Why({ close }: { close: () => void }) {
  const { openId, conversation } = useStore();
  if (!openId || !conversation) return null;
  return (
    <Dialog label={t("console.command.why")} close={close} class="why">
      <h2>{t("console.command.why")}</h2>
      <Reason conversationId={openId} assignedTo={conversation.assignedTo} />
      <form method="dialog">
        <button type="submit" class="secondary">
          {t("common.close")}
        </button>
      </form>
    </Dialog>
  );
}

function Reason({ conversationId, assignedTo }: { conversationId: string; assignedTo: string | undefined }) {
  const store = useStore();
  const lastMove = store.thread?.history.activity.at(-1)?.activityId;
  const [found, setFound] = useState<Decision | "none" | "failed" | null>(null);
  useEffect(() => {
    let isCurrent = true;
    decisionOf(store, conversationId).then(
      (decision) => isCurrent && setFound(decision ?? "none"),
      () => isCurrent && setFound("failed"),
    );
    return () => {
      isCurrent = false;
    };
  }, [store, conversationId, lastMove]);
  if (found === null) return <p role="status">{t("extras.why.loading")}</p>;
  if (found === "failed") return <p role="alert">{t("common.noResponse")}</p>;
  // A later move was made by a person.
  if (found !== "none" && (lastMove ?? found.decisionId) === found.decisionId) return <Explanation decision={found} />;
  return (
    <div role="status">
      <p>{assignedTo ? t("extras.why.byHand", { agent: store.nameOf(assignedTo) }) : t("extras.why.none")}</p>
      {found === "none" && <p class="why-hint">{t("extras.why.kept")}</p>}
    </div>
  );
}

// null: no decision is stored.
async function decisionOf(store: Store, conversationId: string): Promise<Decision | null> {
  try {
    return await store.client.request("get_decision", { conversationId });
  } catch (failure) {
    if (failure instanceof RequestError && failure.error.code === "NOT_FOUND") return null;
    throw failure;
  }
}

function Explanation({ decision }: { decision: Decision }) {
  const store = useStore();
  const { rule, mode, agentName: agent = t("console.aColleague"), timestamp, needs, candidates } = decision;
  return (
    <>
      <p role="status">{t(`extras.why.rule.${rule}`, { agent })}</p>
      <dl>
        <dt>{t("extras.why.mode")}</dt>
        <dd>{t(`extras.why.modes.${mode}`)}</dd>
        <dt>{t("extras.why.time")}</dt>
        <dd>
          <time dateTime={timestamp}>{fullTime(timestamp)}</time>
        </dd>
        {needs.length > 0 && (
          <>
            <dt>{t("extras.why.needs")}</dt>
            <dd>{list(needs.map((one) => skillName(store, one)))}</dd>
          </>
        )}
      </dl>
      {candidates.length > 0 && <Candidates candidates={candidates} />}
    </>
  );
}

function Candidates({ candidates }: { candidates: Candidate[] }) {
  const store = useStore();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
    <section class="why-candidates" tabIndex={0} aria-label={t("extras.why.candidates")}>
      <table>
        <caption>{t("extras.why.candidates")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("extras.why.agent")}</th>
            <th scope="col">{t("extras.why.load")}</th>
            <th scope="col">{t("extras.why.skills")}</th>
            <th scope="col">{t("extras.why.verdict")}</th>
          </tr>
        </thead>
        <tbody>
          {candidates.map((one) => (
            <tr key={one.agentId} class={one.verdict === "chosen" ? "chosen" : ""}>
              <th scope="row">{one.name ?? t("console.aColleague")}</th>
              <td>{t("extras.why.ofCapacity", { load: one.assigned, capacity: one.capacity })}</td>
              <td>{one.skills.length > 0 ? list(one.skills.map((skill) => skillName(store, skill))) : "–"}</td>
              <td>{t(`extras.why.verdicts.${one.verdict}`)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// A skill is a category or a language.
function skillName(store: Store, skill: string): string {
  return knownName(store.categories, skill) ?? (skill.length === 2 ? languageName(skill) : skill);
}
