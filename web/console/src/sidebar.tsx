// The list of conversations with search and filters, latest activity first.

import { plain } from "@hummdesk/client";
import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { useEffect, useRef } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { type Choice, Menu } from "./components/menu";
import { follow } from "./components/page-link";
import { CountBadge, countText } from "./count-badge";
import { when } from "./format";
import { Labels } from "./labels";
import { QueueFilter } from "./queue-filter";
import { onSearchKey } from "./search-keys";
import { SECTIONS, settingsPath } from "./settings-sections";
import { SortButton } from "./sort-button";
import { supervisorPath } from "./state/address";
import { useStore } from "./state/context";
import { activeAt, type View } from "./state/conversation-list";
import { chooseLanguage } from "./state/language";
import type { Store } from "./state/store";
import type { Conversation, Presence, Status } from "./types";

const VIEWS: View[] = ["mine", "unassigned", "all"];
const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];
const SEARCH_DELAY_MS = 250;

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
      <List />
    </aside>
  );
}

function UserMenu() {
  const store = useStore();
  const presence = store.ownAgent?.status ?? (store.canReply ? "offline" : undefined);
  const name = store.ownAgent?.name ?? store.me?.email ?? "";
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
    { label: t("console.notifications.title"), choose: () => store.showOverlay("notifications") },
    ...languageChoices(),
    { label: t("common.signOut"), detail: store.me?.email ?? "", choose: () => store.signOut() },
  ];
  const label = presence
    ? t("console.user.presenceMenu", { name, presence: t(`common.presence.${presence}`) })
    : t("console.user.menu", { name });
  return (
    <Menu label={label} choices={choices} class="me">
      <Avatar name={name || "?"} presence={presence} />
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
  return (
    <div class="filters">
      <fieldset class="segments" aria-label={t("console.list.assignee")}>
        {VIEWS.map((view) => (
          <button
            type="button"
            key={view}
            aria-pressed={list.view === view}
            aria-description={countText(inbox.countOf(view))}
            onClick={() => list.filter({ view })}
          >
            {t(`console.list.view.${view}`)}
            <CountBadge count={inbox.countOf(view)} />
          </button>
        ))}
      </fieldset>
      <QueueFilter />
      <SortButton />
      {list.search ? (
        <p class="filter-note">{t("console.list.allStatuses")}</p>
      ) : (
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
        <EmptyState icon="warn" title={t("console.list.failed")}>
          <button type="button" class="secondary" onClick={() => void list.load()}>
            {t("common.tryAgain")}
          </button>
        </EmptyState>
      </div>
    );
  }
  const title = list.search ? t("console.list.noMatches", { search: list.search }) : t("console.list.none");
  const hint = t(list.search ? "console.list.noMatchesHint" : "console.list.noneHint");
  return (
    <div class="list">
      <EmptyState icon="inbox" title={title}>
        {hint}
      </EmptyState>
    </div>
  );
}

function Row({ one }: { one: Conversation }) {
  const store = useStore();
  const isOpen = store.openId === one.conversationId;
  const unread = store.list.unread.of(one.conversationId);
  const isOfOthers = one.assignedTo !== undefined && one.assignedTo !== store.me?.userId;
  return (
    <li>
      <a
        href={store.pathOf(one.conversationId)}
        class={`row ${unread ? "unread" : ""} ${isOfOthers ? "of-others" : ""}`}
        aria-current={isOpen ? "true" : undefined}
        data-conversation={one.conversationId}
        onClick={(event) => follow(event, () => store.open(one.conversationId))}
      >
        <Avatar name={one.customer.name} />
        <span class="row-body">
          <span class="row-top">
            <span class="row-name" dir="auto">
              {one.customer.name}
            </span>
            <time dateTime={activeAt(one)}>{when(activeAt(one))}</time>
          </span>
          {one.subject && (
            <span class="row-subject" dir="auto">
              {one.subject}
            </span>
          )}
          <span class="row-bottom">
            <span class="row-text" dir="auto">
              {preview(store, one)}
            </span>
            {unread > 0 && (
              <span class="badge">
                {unread > 99 ? "99+" : unread}
                <span class="hidden"> {t("console.list.unread")}</span>
              </span>
            )}
          </span>
          <span class="row-marks">
            <Labels one={one} />
          </span>
        </span>
      </a>
    </li>
  );
}

// The unsent text of a conversation that is not open, else the last message.
function preview(store: Store, { conversationId, lastMessage: last }: Conversation): string {
  const unsent = store.openId === conversationId ? undefined : store.compositions.preview(conversationId);
  if (unsent) return t("console.list.draftPrefix", { text: unsent });
  if (!last) return t("console.list.noMessages");
  const text = last.erased ? t(last.withdrawn ? "common.withdrawn" : "common.erased") : plain(last);
  if (last.private) return t("console.list.notePrefix", { text });
  const isReply = last.senderType === "agent";
  return isReply ? t("console.list.senderPrefix", { sender: store.nameOf(last.senderId), text }) : text;
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
