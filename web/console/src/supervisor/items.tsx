// The conversations behind a figure, newest first.

import type { Conversation, ConversationQuery, ReportItem, RestClient } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { fullTime } from "../format";
import { usePages } from "../settings/loading";
import { Action, Page, RowLink, Rows, Tag } from "../settings/parts";
import { conversationPath, supervisorPath } from "../state/address";
import { useStore } from "../state/context";
import type { Store } from "../state/store";
import { download, MOST_TABLES } from "./csv";
import { duration } from "./format";
import { queryOf, type Source, useSource } from "./source";

const PAGE_SIZE = 100;
// That are looked through for one conversation; then there is a button for more.
const MOST_PAGES = 20;

export function Items() {
  const source = useSource();
  return source.kind === "figure" ? <OfFigure source={source} /> : <OfNow source={source} />;
}

function OfFigure({ source }: { source: Extract<Source, { kind: "figure" }> }) {
  const store = useStore();
  const pages = usePages("items", (rest, page) => rest.listReportItems({ ...queryOf(source), ...page }));
  const save = async () => {
    const isWhole = await download(store.credentials, "items", { ...queryOf(source), limit: PAGE_SIZE });
    if (!isWhole) store.showToast(t("supervisor.downloadCut", { count: MOST_TABLES * PAGE_SIZE }));
  };
  return (
    <Page
      title={t(`supervisor.items.${source.figure}`)}
      back={supervisorPath()}
      actions={<Action act={save}>{t("supervisor.download")}</Action>}
    >
      <Rows of={pages} none={t("supervisor.none")}>
        {(item) => (
          <RowLink
            key={item.id}
            href={conversationPath(item.conversationId)}
            title={item.customerName}
            detail={detailOf(item, store)}
          >
            {tagOf(item)}
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

function detailOf(item: ReportItem, store: Store): string {
  const agent = item.agentId && store.nameOf(item.agentId);
  return [item.subject, agent, fullTime(item.at), item.comment].filter(Boolean).join(" · ");
}

function tagOf(item: ReportItem) {
  if (item.rating !== undefined) return <Tag>{t("supervisor.stars", { stars: item.rating })}</Tag>;
  if (item.use) return <Tag>{t(`supervisor.use.${item.use}`)}</Tag>;
  return item.seconds !== undefined && <Tag>{duration(item.seconds)}</Tag>;
}

type OfNowSource = Exclude<Source, { kind: "figure" }>;

function OfNow({ source }: { source: OfNowSource }) {
  const store = useStore();
  const pages = usePages("conversations", (rest, page) => conversations(rest, source, page));
  const name = source.kind === "agent" ? store.nameOf(source.agentId) : nameOfQueue(store, source.teamId);
  return (
    <Page title={t(`supervisor.of.${source.kind}`, { name })} back={supervisorPath()}>
      <Rows of={pages} none={t("supervisor.none")}>
        {(one) => (
          <RowLink
            key={one.id}
            href={conversationPath(one.id)}
            title={one.customer.name}
            detail={[one.subject, fullTime(one.updatedAt)].filter(Boolean).join(" · ")}
          >
            {one.priority && <Tag>{t(`common.priority.${one.priority}`)}</Tag>}
          </RowLink>
        )}
      </Rows>
    </Page>
  );
}

function nameOfQueue(store: Store, teamId: string | null): string {
  if (teamId === null) return t("supervisor.accountQueue");
  return store.teams.find((team) => team.teamId === teamId)?.name ?? t("supervisor.queue");
}

type Listed = Conversation & { id: string };

// The next page that is not empty. The API cannot leave out conversations of teams, and a page of a team may be empty.
async function conversations(rest: RestClient, source: OfNowSource, page: { cursor?: string }) {
  const query = { status: "open", limit: PAGE_SIZE, ...filterOf(source) } as const;
  const isAny = source.kind === "agent" || source.teamId !== null;
  let cursor = page.cursor;
  for (let read = 1; ; read++) {
    const found = await rest.listConversations({ ...query, ...(cursor ? { cursor } : {}) });
    const shown = found.conversations.filter((one: Listed) => isAny || !one.assignedTeam);
    cursor = found.nextCursor;
    if (shown.length > 0 || !cursor || read === MOST_PAGES) return { ...found, conversations: shown };
  }
}

function filterOf(source: OfNowSource): ConversationQuery {
  if (source.kind === "agent") return { assignedTo: source.agentId };
  return { unassigned: true, ...(source.teamId === null ? {} : { team: source.teamId }) };
}
