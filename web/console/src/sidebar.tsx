// The list of conversations with search and filters, latest activity first.

import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { useEffect, useRef } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { type Choice, Menu } from "./components/menu";
import { CountBadge, countText } from "./count-badge";
import { SearchProblem } from "./extras-loader";
import { lazily } from "./lazy";
import { QueueFilter } from "./queue-filter";
import { Row } from "./row";
import { onSearchKey } from "./search-keys";
import { SECTIONS, settingsPath } from "./settings-sections";
import { SortButton } from "./sort-button";
import { supervisorPath } from "./state/address";
import { useStore } from "./state/context";
import { type BuiltIn, isBuiltIn } from "./state/conversation-list";
import type { Density } from "./state/density";
import { chooseLanguage } from "./state/language";
import type { Presence, Status } from "./types";
import { Views } from "./views/views";

const VIEWS: BuiltIn[] = ["mine", "unassigned", "all"];
const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];
const DENSITIES: Density[] = ["compact", "comfortable"];
const SEARCH_DELAY_MS = 250;
const SEARCH_FILTERS = "from: label: before: after: is:";

const BulkBar = lazily(async () => (await import("./bulk/bar")).BulkBar);

export function Sidebar() {
  const store = useStore();
  return (
    <aside class="sidebar" aria-label={t("console.list.conversations")}>
      <header class="sidebar-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" />
          HummDesk
        </h1>
        <IconButton icon="help" label={t("console.user.shortcuts")} onClick={() => store.showOverlay("help")} />
        <UserMenu />
      </header>
      <Search />
      <Filters />
      {store.selection.selected.length > 0 && <BulkBar />}
      <List />
    </aside>
  );
}

function UserMenu() {
  const store = useStore();
  const presence = store.ownAgent?.status ?? (store.canReply ? "offline" : undefined);
  const name = store.ownAgent?.name ?? store.me?.email ?? "";
  const photo = store.ownAgent?.photo;
  const choices = [
    ...(store.canReply ? PRESENCES : []).map((status) => ({
      label: t(`common.presence.${status}`),
      isChosen: status === presence,
      mark: <span class={`dot dot-${status}`} />,
      choose: () => void store.setPresence(status),
    })),
    ...(store.isAdmin
      ? [
          {
            label: t("console.settings.title"),
            detail: t("console.settings.hint"),
            choose: () => store.go(settingsPath(SECTIONS[0])),
          },
          {
            label: t("console.supervisor.title"),
            detail: t("console.supervisor.hint"),
            choose: () => store.go(supervisorPath()),
          },
          {
            label: t("console.user.operations"),
            detail: t("console.user.operationsHint"),
            choose: store.openOperations,
          },
        ]
      : []),
    ...DENSITIES.map((one) => ({
      label: t(`console.list.density.${one}`),
      isChosen: store.density.current === one,
      choose: () => store.density.choose(one),
    })),
    ...(presence ? [{ label: t("console.photo.title"), choose: () => store.showOverlay("photo") }] : []),
    { label: t("console.notifications.title"), choose: () => store.showOverlay("notifications") },
    ...languageChoices(),
    { label: t("common.signOut"), detail: store.me?.email ?? "", choose: () => store.signOut() },
  ];
  const label = presence
    ? t("console.user.presenceMenu", { name, presence: t(`common.presence.${presence}`) })
    : t("console.user.menu", { name });
  return (
    <Menu label={label} choices={choices} class="me">
      <Avatar name={name || "?"} presence={presence} photo={photo} />
    </Menu>
  );
}

function languageChoices(): Choice[] {
  return (Object.keys(LANGUAGES) as Language[]).map((one) => ({
    label: LANGUAGES[one],
    detail: t("common.language"),
    isChosen: one === language,
    choose: () => void chooseLanguage(one),
  }));
}

function Search() {
  const store = useStore();
  const timer = useRef(0);
  const search = (text: string) => {
    clearTimeout(timer.current);
    store.list.filter({ search: text.trim() });
  };
  const searchSoon = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => search(text), text ? SEARCH_DELAY_MS : 0);
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        id="search"
        placeholder={t("console.list.search")}
        aria-label={t("console.list.search")}
        maxLength={100}
        dir="auto"
        onInput={(event) => searchSoon(event.currentTarget.value)}
        onKeyDown={(event) => onSearchKey(event, store, search)}
      />
      <button
        type="button"
        class="kbd-button"
        onClick={() => store.showOverlay("palette")}
        aria-label={t("console.palette.open")}
      >
        <kbd>{t("console.palette.keys")}</kbd>
      </button>
    </div>
  );
}

function Filters() {
  const { list, inbox } = useStore();
  const saved = inbox.views.get(list.view);
  const shown = isBuiltIn(list.view) || saved ? list.view : "all";
  return (
    <div class="filters">
      <fieldset class="segments" aria-label={t("console.list.assignee")}>
        {VIEWS.map((view) => {
          const count = inbox.countOf(view);
          return (
            <button
              type="button"
              key={view}
              aria-pressed={shown === view}
              aria-description={
                count === undefined ? undefined : t("console.list.openCount", { count: countText(count) })
              }
              onClick={() => (saved ? list.show(view) : list.filter({ view }))}
            >
              {t(`console.list.view.${view}`)}
              <CountBadge count={count} />
            </button>
          );
        })}
      </fieldset>
      <QueueFilter />
      <Views />
      {!saved && <SortButton />}
      {list.search ? (
        <p class="filter-note">{t("console.list.allStatuses")}</p>
      ) : saved ? null : (
        <fieldset class="tabs" aria-label={t("console.list.status")}>
          {STATUSES.map((status) => (
            <button
              type="button"
              key={status}
              aria-pressed={list.status === status}
              onClick={() => list.filter({ status })}
            >
              {t(`common.status.${status}`)}
            </button>
          ))}
        </fieldset>
      )}
    </div>
  );
}

function List() {
  const store = useStore();
  const { list } = store;
  const shown = list.shown;
  if (shown.length === 0 && (!list.cursor || list.state !== "ready")) return <NoConversations />;
  return (
    <nav class="list" aria-label={t("console.list.label")} aria-busy={list.state === "loading"}>
      <ul class="plain">
        {shown.map((one) => (
          <Row key={one.conversationId} one={one} />
        ))}
      </ul>
      {list.cursor && <More key={list.cursor} />}
    </nav>
  );
}

function NoConversations() {
  const store = useStore();
  const { list } = store;
  if (list.state === "loading") {
    return (
      <div class="list" aria-busy="true" role="status" aria-label={t("console.list.loading")}>
        {[0, 1, 2, 3, 4, 5].map((n) => (
          <div class="row skeleton" key={n} aria-hidden="true">
            <span class="avatar" />
            <span class="lines" />
          </div>
        ))}
      </div>
    );
  }
  if (list.state === "failed") {
    return (
      <div class="list">
        <EmptyState
          icon="warn"
          title={list.problem ? <SearchProblem sentence={list.problem} /> : t("console.list.failed")}
        >
          <button type="button" class="secondary" onClick={() => void list.load()}>
            {t("common.tryAgain")}
          </button>
        </EmptyState>
      </div>
    );
  }
  const title = list.search ? t("console.list.noMatches", { search: list.search }) : t("console.list.none");
  const hint = list.search ? t("console.list.noMatchesHint", { filters: SEARCH_FILTERS }) : t("console.list.noneHint");
  return (
    <div class="list">
      <EmptyState icon="inbox" title={title}>
        {hint}
      </EmptyState>
    </div>
  );
}

// Load the next page when the end of the list becomes visible.
function More() {
  const { list } = useStore();
  const ref = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((one) => one.isIntersecting)) void list.loadMore();
    });
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return (
    <button type="button" class="quiet more" ref={ref} onClick={() => void list.loadMore()}>
      {t("console.list.more")}
    </button>
  );
}
