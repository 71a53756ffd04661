// The dialog that switches notifications.

import { t } from "@hummdesk/texts";
import { Dialog } from "../components/dialog";
import { Icon } from "../components/icon";
import { useStore } from "../state/context";
import { RULES, type Rule, SIGNALS, type Signal } from "../state/notification-rules";

export function NotificationSettings({ close }: { close: () => void }) {
  const { notifications } = useStore();
  const toggle = (name: Rule | Signal) => (
    <label key={name}>
      <input
        type="checkbox"
        checked={notifications.choices[name]}
        onChange={(event) => void notifications.choose(name, event.currentTarget.checked)}
      />
      {t(`extras.notifications.${name}`)}
    </label>
  );
  return (
    <Dialog label={t("console.notifications.title")} close={close} class="notifications">
      <header>
        <h2>{t("console.notifications.title")}</h2>
        <button type="button" class="icon-button" aria-label={t("common.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <p>{t("extras.notifications.lead")}</p>
      <fieldset>
        <legend>{t("extras.notifications.rules")}</legend>
        {RULES.map(toggle)}
      </fieldset>
      <fieldset>
        <legend>{t("extras.notifications.signals")}</legend>
        {SIGNALS.map(toggle)}
      </fieldset>
    </Dialog>
  );
}
