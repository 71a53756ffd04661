// Marks the open conversation as read or unread for the user.

import { t } from "@hummdesk/texts";
import { IconButton } from "./components/icon-button";
import { useStore } from "./state/context";

export function ReadButton({ conversationId }: { conversationId: string }) {
  const store = useStore();
  const isUnread = store.list.unread.of(conversationId) > 0;
  return (
    <IconButton
      icon={isUnread ? "checks" : "unread"}
      label={t(isUnread ? "console.command.markRead" : "console.command.markUnread")}
      onClick={() => store.toggleRead(conversationId)}
    />
  );
}
