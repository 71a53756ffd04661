// What the keyboard does: single keys, the command palette, and the page that tells of them.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { words } from "./format";
import { Icon } from "./icons";
import { Dialog } from "./parts";
import type { Presence, Status } from "./types";
import { useDesk } from "./use";

export interface Command {
  name: string;
  keys?: string;
  run: () => void;
}

const STATUSES: Status[] = ["open", "pending", "closed"];
const PRESENCES: Presence[] = ["online", "busy", "away", "offline"];

export function commands(desk: Desk, help: () => void): Command[] {
  const { conversation: one, openId } = desk;
  const about = one && openId && desk.mayAnswer ? inConversation(desk, openId, one.status, one.assignedTo) : [];
  return [
    ...about,
    { name: "Next conversation", keys: "J", run: () => step(desk, 1) },
    { name: "Previous conversation", keys: "K", run: () => step(desk, -1) },
    { name: "Search", keys: "/", run: () => focus("#search") },
    { name: "Show mine", run: () => desk.list.filter({ view: "mine" }) },
    { name: "Show unassigned", run: () => desk.list.filter({ view: "unassigned" }) },
    { name: "Show all", run: () => desk.list.filter({ view: "all" }) },
    ...STATUSES.map((status) => ({ name: `Show ${status} conversations`, run: () => desk.list.filter({ status }) })),
    ...(desk.mayAnswer ? PRESENCES : []).map((status) => ({
      name: `Be ${status}`,
      run: () => void desk.setPresence(status),
    })),
    ...(desk.isAdmin ? [{ name: "Operations", run: desk.watch }] : []),
    { name: "Keyboard shortcuts", keys: "?", run: help },
    { name: "Sign out", run: () => desk.leave() },
  ];
}

function inConversation(desk: Desk, id: string, status: Status, assignedTo: string | undefined): Command[] {
  const me = desk.me?.userId;
  const write = (isNote: boolean) => () => {
    desk.compose(id, { isNote });
    focus("#composer");
  };
  const close = { name: "Close the conversation", keys: "E", run: () => void desk.setStatus(id, "closed") };
  const reopen = { name: "Open the conversation again", keys: "E", run: () => void desk.setStatus(id, "open") };
  return [
    { name: "Reply", keys: "R", run: write(false) },
    { name: "Write a private note", keys: "N", run: write(true) },
    { name: "Assign …", keys: "A", run: () => click("[data-opens=assign]") },
    ...(me && assignedTo !== me ? [{ name: "Assign to me", keys: "M", run: () => void desk.assign(id, me) }] : []),
    status === "closed" ? reopen : close,
    { name: "Set to pending", run: () => void desk.setStatus(id, "pending") },
    { name: "Back to the list", keys: "Esc", run: () => desk.open(null) },
  ];
}

// One up or down in the list as it is shown.
function step(desk: Desk, by: number): void {
  const { shown } = desk.list;
  const at = shown.findIndex((one) => one.conversationId === desk.openId);
  const next = shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)];
  if (!next) return;
  desk.open(next.conversationId);
  document.querySelector(`[data-conversation="${next.conversationId}"]`)?.scrollIntoView({ block: "nearest" });
}

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

function click(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.click();
}

// Single keys, where nobody is writing and no window or menu is open; Ctrl or Cmd with K everywhere.
export function useKeys(desk: Desk, palette: () => void, help: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        palette();
        return;
      }
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input, textarea, select, dialog, [role=menu]")) return;
      const key = { ArrowDown: "J", ArrowUp: "K", Escape: "Esc" }[event.key] ?? event.key.toUpperCase();
      if (event.key.startsWith("Arrow") && target.closest(".messages, .draft-text")) return;
      const command = commands(desk, help).find((one) => one.keys === key);
      if (!command) return;
      event.preventDefault();
      command.run();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [desk]);
}

export function Palette({ close, help }: { close: () => void; help: () => void }) {
  const desk = useDesk();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const wanted = text.trim().toLowerCase();
  const all = [
    ...commands(desk, help),
    ...[...desk.list.known.values()].map((one) => ({
      name: [one.customer.name, one.subject].filter(Boolean).join(" · "),
      keys: words(one.status),
      run: () => desk.open(one.conversationId),
    })),
  ];
  const found = all.filter((one) => one.name.toLowerCase().includes(wanted)).slice(0, 12);
  const chosen = Math.min(at, found.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    requestAnimationFrame(command.run); // nothing outside of the window takes the focus while it is there
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((chosen + 1) % Math.max(found.length, 1));
    else if (event.key === "ArrowUp") setAt((chosen - 1 + found.length) % Math.max(found.length, 1));
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Command palette" close={close} class="palette">
      <div class="palette-field">
        <Icon name="search" />
        <input
          autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={found[chosen] ? `command-${chosen}` : undefined}
          aria-label="Command or conversation"
          placeholder="What do you want to do?"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={press}
        />
      </div>
      <div role="listbox" id="palette-list" class="palette-list" aria-label="Commands" tabIndex={-1}>
        {found.map((command, n) => (
          <div
            key={`${command.name}${n}`}
            id={`command-${n}`}
            role="option"
            class="palette-item"
            aria-selected={n === chosen}
            tabIndex={-1}
            onClick={() => run(command)}
            onKeyDown={press}
          >
            <span>{command.name}</span>
            {command.keys && <kbd>{command.keys}</kbd>}
          </div>
        ))}
        {found.length === 0 && <p class="palette-none">Nothing is called that</p>}
      </div>
    </Dialog>
  );
}

const SHORTCUTS: [string, string][] = [
  ["J or ↓, K or ↑", "Next, previous conversation"],
  ["R", "Reply"],
  ["N", "Private note"],
  ["A", "Assign to somebody"],
  ["M", "Assign to me"],
  ["E", "Close, or open again"],
  ["/", "Search"],
  ["Ctrl K or ⌘ K", "Command palette"],
  ["Enter", "Send; Shift with Enter begins a new line"],
  ["Esc", "Leave the field, then the conversation"],
  ["?", "This page"],
];

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog label="Keyboard shortcuts" close={close} class="help">
      <header>
        <h2>Keyboard shortcuts</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
