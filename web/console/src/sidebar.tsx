// The conversations beside the open one: filters, search, and a list in live order.

import { plain } from "@hummdesk/client";
import { useEffect, useRef } from "preact/hooks";
import { when, words } from "./format";
import { Icon } from "./icons";
import type { View } from "./list";
import { Avatar, Empty, IconButton, Menu } from "./parts";
import type { Conversation, Presence, Status } from "./types";
import { useDesk } from "./use";

const VIEWS: [View, string][] = [
  ["mine", "Mine"],
  ["unassigned", "Unassigned"],
  ["all", "All"],
];
const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];
const SEARCH_PAUSE_MS = 250;

export function Sidebar({ palette, help }: { palette: () => void; help: () => void }) {
  return (
    <aside class="sidebar" aria-label="Conversations">
      <header class="sidebar-head">
        <h1 class="brand">
          <span class="brand-mark" aria-hidden="true" />
          HummDesk
        </h1>
        <IconButton icon="help" label="Keyboard shortcuts (?)" onClick={help} />
        <Myself />
      </header>
      <Search palette={palette} />
      <Filters />
      <List />
    </aside>
  );
}

function Myself() {
  const desk = useDesk();
  const presence = desk.myself?.status ?? (desk.mayAnswer ? "offline" : undefined);
  const name = desk.myself?.name ?? desk.me?.email ?? "";
  const choices = [
    ...(desk.mayAnswer ? PRESENCES : []).map((status) => ({
      label: words(status),
      isChosen: status === presence,
      mark: <span class={`dot dot-${status}`} />,
      choose: () => void desk.setPresence(status),
    })),
    ...(desk.isAdmin ? [{ label: "Operations", detail: "Charts of your account", choose: desk.watch }] : []),
    { label: "Sign out", detail: desk.me?.email ?? "", choose: () => desk.leave() },
  ];
  const label = presence ? `${name}, ${presence}: your status` : `${name}: supervisor`;
  return (
    <Menu label={label} choices={choices} class="me">
      <Avatar name={name || "?"} presence={presence} />
    </Menu>
  );
}

function Search({ palette }: { palette: () => void }) {
  const desk = useDesk();
  const timer = useRef(0);
  const search = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => desk.list.filter({ search: text.trim() }), SEARCH_PAUSE_MS);
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
      <button type="button" class="kbd-button" onClick={palette} aria-label="Ctrl K: command palette">
        <kbd>Ctrl K</kbd>
      </button>
    </div>
  );
}

function Filters() {
  const { list } = useDesk();
  return (
    <div class="filters">
      <fieldset class="segments" aria-label="Whose conversations">
        {VIEWS.map(([view, label]) => (
          <button type="button" key={view} aria-pressed={list.view === view} onClick={() => list.filter({ view })}>
            {label}
          </button>
        ))}
      </fieldset>
      {list.search ? (
        <p class="filter-note">Found in all conversations, open or not</p>
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
  const desk = useDesk();
  const { list } = desk;
  const shown = list.shown;
  if (shown.length === 0) return <NoList />;
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

function NoList() {
  const desk = useDesk();
  const { list } = desk;
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
        <Empty icon="warn" title="The list could not be loaded">
          <button type="button" class="secondary" onClick={() => void list.load()}>
            Try again
          </button>
        </Empty>
      </div>
    );
  }
  const title = list.search ? `Nothing found for “${list.search}”` : "Nothing here";
  const hint = list.search ? "Each word is the beginning of one." : "What customers write appears by itself.";
  return (
    <div class="list">
      <Empty icon="inbox" title={title}>
        {hint}
      </Empty>
    </div>
  );
}

function Row({ one }: { one: Conversation }) {
  const desk = useDesk();
  const isOpen = desk.openId === one.conversationId;
  const last = one.lastMessage;
  const said = last ? plain(last) : "No message yet";
  const by = last?.private ? "Note: " : last?.senderType === "agent" ? `${desk.nameOf(last.senderId)}: ` : "";
  return (
    <li>
      <button
        type="button"
        class={`row ${one.unreadCount ? "unread" : ""}`}
        aria-current={isOpen ? "true" : undefined}
        data-conversation={one.conversationId}
        onClick={() => desk.open(one.conversationId)}
      >
        <Avatar name={one.customer.name} />
        <span class="row-body">
          <span class="row-top">
            <span class="row-name">{one.customer.name}</span>
            <time dateTime={one.updatedAt}>{when(one.updatedAt)}</time>
          </span>
          {one.subject && <span class="row-subject">{one.subject}</span>}
          <span class="row-bottom">
            <span class="row-text">{by + said}</span>
            {one.unreadCount > 0 && (
              <span class="badge">
                {one.unreadCount > 99 ? "99+" : one.unreadCount}
                <span class="hidden"> unread</span>
              </span>
            )}
          </span>
          <span class="row-marks">
            <Marks one={one} />
          </span>
        </span>
      </button>
    </li>
  );
}

export function Marks({ one }: { one: Conversation }) {
  const desk = useDesk();
  return (
    <>
      <span class={`mark status-${one.status}`}>{words(one.status)}</span>
      {(one.priority === "urgent" || one.priority === "high") && (
        <span class={`mark priority-${one.priority}`}>{words(one.priority)}</span>
      )}
      <span class="mark-quiet">{one.assignedTo ? desk.nameOf(one.assignedTo) : "Unassigned"}</span>
    </>
  );
}

// Loads the next page when the end of the list comes into sight.
function More() {
  const { list } = useDesk();
  const ref = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && void list.more());
    if (ref.current) watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return (
    <button type="button" class="quiet more" ref={ref} onClick={() => void list.more()}>
      More conversations
    </button>
  );
}
