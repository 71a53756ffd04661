// The list of keyboard shortcuts.

import { type PlainKey, t } from "@hummdesk/texts";
import { Dialog } from "./components/dialog";
import { Icon } from "./components/icon";

// Keys, or the text that names them, and their meaning.
const SHORTCUTS: [string, PlainKey][] = [
  ["console.help.keys.move", "console.help.nextPrevious"],
  ["R", "console.command.reply"],
  ["N", "console.command.addNote"],
  ["A", "console.help.assign"],
  ["M", "console.command.assignToMe"],
  ["C", "console.command.claim"],
  ["U", "console.command.release"],
  ["T", "console.command.transfer"],
  ["E", "console.help.closeOrReopen"],
  ["I", "console.help.readOrUnread"],
  ["/", "console.command.search"],
  ["console.help.keys.palette", "console.palette.label"],
  ["console.help.keys.enter", "console.help.sendNewLine"],
  ["console.help.keys.sendAndClose", "console.help.sendAndClose"],
  ["console.help.keys.bold", "console.help.bold"],
  ["console.help.keys.insert", "console.help.insert"],
  ["Z", "console.help.undo"],
  ["Esc", "console.help.leave"],
  ["?", "console.command.shortcuts"],
];

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog label={t("console.command.shortcuts")} close={close} class="help">
      <header>
        <h2>{t("console.command.shortcuts")}</h2>
        <button type="button" class="icon-button" aria-label={t("common.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys.startsWith("console.") ? t(keys as PlainKey) : keys}</kbd>
            </dt>
            <dd>{t(meaning)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
