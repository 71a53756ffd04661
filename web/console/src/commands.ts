// The commands of the console, by keyboard shortcut or from the command palette.

import { LANGUAGES, type Language, language, t } from "@hummdesk/texts";
import { SECTIONS, settingsPath } from "./settings-sections";
import { supervisorPath } from "./state/address";
import { isBuiltIn } from "./state/conversation-list";
import { chooseLanguage } from "./state/language";
import { assign, claim, release } from "./state/moves";
import { advanceAfter, move } from "./state/moving";
import type { Store } from "./state/store";
import type { Conversation, Presence, Status } from "./types";

export interface Command {
  name: string;
  keys?: string;
  run: () => void;
}

const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];

export function commands(store: Store): Command[] {
  const { conversation } = store;
  return [
    ...(conversation && store.canReply ? conversationCommands(store, conversation) : []),
    ...(store.settings || store.supervisor ? [] : listCommands(store)),
    ...(store.canReply ? PRESENCES : []).map((status) => ({
      name: t(`console.command.setPresence.${status}`),
      run: () => void store.setPresence(status),
    })),
    ...(store.isAdmin ? adminCommands(store) : []),
    ...(Object.entries(LANGUAGES) as [Language, string][])
      .filter(([one]) => one !== language)
      .map(([one, name]) => ({ name: `${t("common.language")}: ${name}`, run: () => void chooseLanguage(one) })),
    ...(store.undo.current ? [{ name: t("console.undo.button"), keys: "Z", run: () => store.undo.undo() }] : []),
    { name: t("console.command.notifications"), run: () => store.showOverlay("notifications") },
    { name: t("console.command.shortcuts"), keys: "?", run: () => store.showOverlay("help") },
    { name: t("common.signOut"), run: () => store.signOut() },
  ];
}

function listCommands(store: Store): Command[] {
  const { list } = store;
  return [
    { name: t("console.command.next"), keys: "J", run: () => void move(store, 1) },
    { name: t("console.command.previous"), keys: "K", run: () => void move(store, -1) },
    ...(store.canReply ? selectionCommands(store) : []),
    { name: t("console.command.search"), keys: "/", run: () => focus("#search") },
    { name: t("console.command.showMine"), run: () => list.filter({ view: "mine" }) },
    { name: t("console.command.showUnassigned"), run: () => list.filter({ view: "unassigned" }) },
    { name: t("console.command.showAll"), run: () => list.filter({ view: "all" }) },
    ...STATUSES.map((status) => ({
      name: t(`console.command.showStatus.${status}`),
      run: () => list.filter({ status, ...(isBuiltIn(list.view) ? {} : { view: "all" }) }),
    })),
  ];
}

function selectionCommands({ selection, openId }: Store): Command[] {
  const isSome = selection.selected.length > 0;
  return [
    ...(openId ? [{ name: t("console.bulk.toggle"), keys: "X", run: () => selection.toggle(openId) }] : []),
    ...(isSome ? [{ name: t("console.bulk.clear"), run: () => selection.clear() }] : []),
  ];
}

function adminCommands(store: Store): Command[] {
  return [
    { name: t("console.command.operations"), run: store.openOperations },
    { name: t("console.supervisor.command"), run: () => store.go(supervisorPath()) },
    ...SECTIONS.map((section) => ({
      name: t("console.settings.command", { section: t(`console.settings.${section}`) }),
      run: () => store.go(settingsPath(section)),
    })),
    ...(store.settings || store.supervisor
      ? [{ name: t("console.settings.back"), keys: "Esc", run: () => leaveSettings(store) }]
      : []),
  ];
}

// Unless a form has changes that are not saved.
function leaveSettings(store: Store): void {
  if (!document.querySelector("form[data-unsaved]")) store.go(store.pathOf(null));
}

function conversationCommands(store: Store, one: Conversation): Command[] {
  const { conversationId: id, status, assignedTo } = one;
  const me = store.me?.userId;
  const write = (isNote: boolean) => () => {
    store.compose(id, { isNote });
    focus("#composer");
  };
  const set = (status: Status) => () => void advanceAfter(store, () => store.setStatus(id, status));
  const close = { name: t("console.command.close"), keys: "E", run: () => void store.closing.close(id) };
  const reopen = { name: t("console.command.reopen"), keys: "E", run: set("open") };
  return [
    { name: t("console.command.reply"), keys: "R", run: write(false) },
    { name: t("console.command.addNote"), keys: "N", run: write(true) },
    {
      name: t("console.command.assign"),
      keys: "A",
      run: () => openMenu("assign"),
    },
    ...(me && assignedTo !== me
      ? [
          {
            name: t("console.command.assignToMe"),
            keys: "M",
            run: () => void advanceAfter(store, () => assign(store, me, one)),
          },
        ]
      : []),
    ...(!assignedTo && status !== "closed"
      ? [{ name: t("console.command.claim"), keys: "C", run: () => void advanceAfter(store, () => claim(store, id)) }]
      : []),
    ...(assignedTo && (assignedTo === me || store.isAdmin)
      ? [{ name: t("console.command.release"), keys: "U", run: () => void release(store, id) }]
      : []),
    { name: t("console.command.transfer"), keys: "T", run: () => store.showOverlay("transfer") },
    { name: t("console.label.change"), keys: "L", run: () => openMenu("labels") },
    ...(status === "closed" ? [] : [{ name: t("console.snooze.menu"), keys: "S", run: () => openMenu("snooze") }]),
    { name: t("console.command.why"), run: () => store.showOverlay("why") },
    {
      name: t(store.list.unread.of(id) > 0 ? "console.command.markRead" : "console.command.markUnread"),
      keys: "I",
      run: () => store.toggleRead(id),
    },
    status === "closed" ? reopen : close,
    { name: t("console.command.setPending"), run: set("pending") },
    { name: t("console.command.back"), keys: "Esc", run: () => store.open(null) },
  ];
}

function openMenu(name: string): void {
  document.querySelector<HTMLElement>(`[data-opens=${name}]`)?.click();
}

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}
