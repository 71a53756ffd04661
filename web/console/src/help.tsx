// The list of keyboard shortcuts.

import { Dialog } from "./components/dialog";
import { Icon } from "./components/icon";

const SHORTCUTS: [string, string][] = [
  ["J or ↓, K or ↑", "Next, previous conversation"],
  ["R", "Reply"],
  ["N", "Add a private note"],
  ["A", "Assign"],
  ["M", "Assign to me"],
  ["E", "Close or reopen"],
  ["/", "Search"],
  ["Ctrl K or ⌘ K", "Command palette"],
  ["Enter, Shift Enter", "Send, new line"],
  ["Esc", "Leave the field, then the conversation"],
  ["?", "Keyboard shortcuts"],
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
