// The command palette: commands and loaded conversations by name.

import { t } from "@hummdesk/texts";
import { useState } from "preact/hooks";
import { type Command, commands } from "./commands";
import { Dialog } from "./components/dialog";
import { Icon } from "./components/icon";
import { useStore } from "./state/context";

const MOST_MATCHES = 12;

export function Palette({ close }: { close: () => void }) {
  const store = useStore();
  const [text, setText] = useState("");
  const [selected, select] = useState(0);
  const query = text.trim().toLowerCase();
  const all: Command[] = [
    ...commands(store),
    ...[...store.list.known.values()].map((one) => ({
      name: [one.customer.name, one.subject].filter(Boolean).join(" · "),
      keys: t(`common.status.${one.status}`),
      run: () => store.open(one.conversationId),
    })),
  ];
  const matches = all.filter((one) => one.name.toLowerCase().includes(query)).slice(0, MOST_MATCHES);
  const current = Math.min(selected, matches.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    requestAnimationFrame(command.run); // an open modal dialog keeps the focus inside
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const count = Math.max(matches.length, 1);
    if (event.key === "ArrowDown") select((current + 1) % count);
    else if (event.key === "ArrowUp") select((current - 1 + count) % count);
    else if (event.key === "Enter") run(matches[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label={t("console.palette.label")} close={close} class="palette">
      <div class="palette-field">
        <Icon name="search" />
        <input
          autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={matches[current] ? `command-${current}` : undefined}
          aria-label={t("console.palette.field")}
          placeholder={t("console.palette.placeholder")}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            select(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div
        role="listbox"
        id="palette-list"
        class="palette-list"
        aria-label={t("console.palette.commands")}
        tabIndex={-1}
      >
        {matches.map((command, n) => (
          <div
            key={`${command.name}${n}`}
            id={`command-${n}`}
            role="option"
            class="palette-item"
            aria-selected={n === current}
            tabIndex={-1}
            onClick={() => run(command)}
            onKeyDown={onKeyDown}
          >
            <span>{command.name}</span>
            {command.keys && <kbd>{command.keys}</kbd>}
          </div>
        ))}
        {matches.length === 0 && <p class="palette-none">{t("console.palette.none")}</p>}
      </div>
    </Dialog>
  );
}
