// The notice with the Undo button.

import { t } from "@hummdesk/texts";
import { IconButton } from "./components/icon-button";
import { useStore } from "./state/context";

export function UndoToast() {
  const { undo } = useStore();
  if (!undo.current) return null;
  return (
    <p class="toast">
      {undo.current.label}
      <button type="button" class="quiet" onClick={() => undo.undo()} data-action="undo">
        {t("console.undo.button")} <kbd>Z</kbd>
      </button>
      <IconButton icon="close" label={t("common.dismiss")} onClick={() => undo.finish()} />
    </p>
  );
}
