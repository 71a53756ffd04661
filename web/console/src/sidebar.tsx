// The list of conversations with search and filters, latest activity first.

import { plain } from "@hummdesk/client";
import { useEffect, useRef } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { EmptyState } from "./components/empty-state";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { Menu } from "./components/menu";
import { ERASED_TEXT } from "./components/message-content";
import { when, words } from "./format";
import { Labels } from "./labels";
import { useStore } from "./state/context";
import type { View } from "./state/conversation-list";
import type { Conversation, Presence, Status } from "./types";

const VIEWS: [View, string][] = [
  ["mine", "Mine"],
  ["unassigned", "Unassigned"],
  ["all", "All"],
];
const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];
const SEARCH_DELAY_MS = 250;

export function Sidebar() {
  const store = useStore();
  return (
    <aside class="sidebar" aria-label="Conversations">
      <header class="sidebar-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" />
          HummDesk
        </h1>
        <IconButton icon="help" label="Keyboard shortcuts (?)" onClick={() => store.showOverlay("help")} />
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
      label: words(status),
      isChosen: status === presence,
      mark: <span class={`dot dot-${status}`} />,
      choose: () => void store.setPresence(status),
    })),
    ...(store.isAdmin ? [{ label: "Operations", detail: "Charts of your account", choose: store.openOperations }] : []),
    { label: "Sign out", detail: store.me?.email ?? "", choose: () => store.signOut() },
  ];
  const label = presence ? `${name}, ${presence}: change your status` : `${name}, viewer: account menu`;
  return (
    <Menu label={label} choices={choices} class="me">
      <Avatar name={name || "?"} presence={presence} />
    </Menu>
  );
}

function Search() {
  const store = useStore();
  const timer = useRef(0);
  const search = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => store.list.filter({ search: text.trim() }), SEARCH_DELAY_MS);
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        id="search"
        placeholder="Search conversations"
        aria-label="Search conversations"
        maxLength={100}
        onInput={(event) => search(event.currentTarget.value)}
      />
      <button
        type="button"
        class="kbd-button"
        onClick={() => store.showOverlay("palette")}
        aria-label="Ctrl K: command palette"
      >
        <kbd>Ctrl K</kbd>
      </button>
    </div>
  );
}

function Filters() {
  const { list } = useStore();
  return (
    <div class="filters">
      <fieldset class="segments" aria-label="Assignee">
        {VIEWS.map(([view, label]) => (
          <button type="button" key={view} aria-pressed={list.view === view} onClick={() => list.filter({ view })}>
            {label}
          </button>
        ))}
      </fieldset>
      {list.search ? (
        <p class="filter-note">Results include conversations of any status</p>
      ) : (
        <fieldset class="tabs" aria-label="Status">
          {STATUSES.map((status) => (
            <button
              type="button"
              key={status}
              aria-pressed={list.status === status}
              onClick={() => list.filter({ status })}
            >
              {words(status)}
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
  if (shown.length === 0) return <NoConversations />;
  return (
    <nav class="list" aria-label="List of conversations" aria-busy={list.state === "loading"}>
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
      <div class="list" aria-busy="true" role="status" aria-label="Loading conversations">
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
        <EmptyState icon="warn" title="Conversations could not be loaded">
          <button type="button" class="secondary" onClick={() => void list.load()}>
            Try again
          </button>
        </EmptyState>
      </div>
    );
  }
  const title = list.search ? `No matches for “${list.search}”` : "No conversations";
  const hint = list.search ? "Search matches the beginnings of words." : "New conversations appear here automatically.";
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
  const last = one.lastMessage;
  const preview = last?.erased ? ERASED_TEXT : last ? plain(last) : "No messages yet";
  const prefix = last?.private ? "Note: " : last?.senderType === "agent" ? `${store.nameOf(last.senderId)}: ` : "";
  return (
    <li>
      <button
        type="button"
        class={`row ${one.unreadCount ? "unread" : ""}`}
        aria-current={isOpen ? "true" : undefined}
        data-conversation={one.conversationId}
        onClick={() => store.open(one.conversationId)}
      >
        <Avatar name={one.customer.name} />
        <span class="row-body">
          <span class="row-top">
            <span class="row-name">{one.customer.name}</span>
            <time dateTime={one.updatedAt}>{when(one.updatedAt)}</time>
          </span>
          {one.subject && <span class="row-subject">{one.subject}</span>}
          <span class="row-bottom">
            <span class="row-text">{prefix + preview}</span>
            {one.unreadCount > 0 && (
              <span class="badge">
                {one.unreadCount > 99 ? "99+" : one.unreadCount}
                <span class="hidden"> unread</span>
              </span>
            )}
          </span>
          <span class="row-marks">
            <Labels one={one} />
          </span>
        </span>
      </button>
    </li>
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
      Load more
    </button>
  );
}
