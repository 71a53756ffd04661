// The notice of a mention.

import { t } from "@hummdesk/texts";
import { IconButton } from "./components/icon-button";
import { PageLink } from "./components/page-link";
import { useStore } from "./state/context";

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
