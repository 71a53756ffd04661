// The list of keyboard shortcuts.

import { type PlainKey, t } from "@hummdesk/texts";
import { Dialog } from "../components/dialog";
import { Icon } from "../components/icon";

// Keys, or the text that names them, and their meaning.
const SHORTCUTS: [string, PlainKey][] = [
  ["extras.help.keys.move", "extras.help.nextPrevious"],
  ["R", "console.command.reply"],
  ["N", "console.command.addNote"],
  ["A", "extras.help.assign"],
  ["M", "console.command.assignToMe"],
  ["C", "console.command.claim"],
  ["U", "console.command.release"],
  ["T", "console.command.transfer"],
  ["E", "extras.help.closeOrReopen"],
  ["I", "extras.help.readOrUnread"],
  ["/", "console.command.search"],
  ["extras.help.keys.palette", "console.palette.label"],
  ["extras.help.keys.enter", "extras.help.sendNewLine"],
  ["extras.help.keys.sendAndClose", "extras.help.sendAndClose"],
  ["extras.help.keys.bold", "extras.help.bold"],
  ["extras.help.keys.insert", "extras.help.insert"],
  ["Z", "extras.help.undo"],
  ["Esc", "extras.help.leave"],
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
              <kbd>{keys.startsWith("extras.") ? t(keys as PlainKey) : keys}</kbd>
            </dt>
            <dd>{t(meaning)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
