// The dialog that switches notifications, and the notice of a mention.

import { t } from "@hummdesk/texts";
import { Dialog } from "./components/dialog";
import { Icon } from "./components/icon";
import { IconButton } from "./components/icon-button";
import { PageLink } from "./components/page-link";
import { useStore } from "./state/context";
import { RULES, type Rule, SIGNALS, type Signal } from "./state/notification-rules";

export function NotificationSettings({ close }: { close: () => void }) {
  const { notifications } = useStore();
  const toggle = (name: Rule | Signal) => (
    <label key={name}>
      <input
        type="checkbox"
        checked={notifications.choices[name]}
        onChange={(event) => void notifications.choose(name, event.currentTarget.checked)}
      />
      {t(`console.notifications.${name}`)}
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
      <p>{t("console.notifications.lead")}</p>
      <fieldset>
        <legend>{t("console.notifications.rules")}</legend>
        {RULES.map(toggle)}
      </fieldset>
      <fieldset>
        <legend>{t("console.notifications.signals")}</legend>
        {SIGNALS.map(toggle)}
      </fieldset>
    </Dialog>
  );
}

export function MentionToast() {
  const store = useStore();
  const { mention } = store.notifications;
  if (!mention) return null;
  return (
    <p class="toast">
      {[mention.title, mention.body].filter(Boolean).join(" · ")}
      <PageLink href={store.pathOf(mention.conversationId)} onFollow={() => store.notifications.dismissMention()}>
        {t("console.notifications.open")}
      </PageLink>
      <IconButton icon="close" label={t("common.dismiss")} onClick={() => store.notifications.dismissMention()} />
    </p>
  );
}
