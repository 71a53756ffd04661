// A message that the server has refused: why, and what to do with it.

import type { ErrorReport, PendingMessage } from "@hummdesk/client";
import { t } from "@hummdesk/texts";
import { explain } from "../components/error-text";
import { Icon } from "../components/icon";
import { MessageContent } from "../components/message-content";
import { insertText } from "../insertion";
import { useComposition, useStore } from "../state/context";
import type { Message } from "../types";
import { markdownOf } from "./markdown-source";

export function Refused({ message, refusal }: { message: PendingMessage; refusal: ErrorReport }) {
  const store = useStore();
  const missed = (refusal.details?.missed ?? []) as Message[];
  const isConflict = refusal.code === "CONFLICT";
  const { conversationId, content, contentType = "text", attachments = [] } = message;
  const composition = useComposition(conversationId);
  const isWriting = composition.text.trim() !== "" || composition.attachments.length > 0;
  const edit = () => {
    store.client.outbox.discard(message.clientMessageId);
    const seenSeq = store.threads.get(conversationId)?.history.lastSeq ?? 0;
    insertText(store, conversationId, markdownOf({ content, contentType }), { attachments, seenSeq });
  };
  return (
    <div class="conflict" role="alert">
      <p class="conflict-text">
        <Icon name="warn" /> {isConflict ? t("extras.refused.conflict") : explain(refusal)}
      </p>
      {missed.map((one) => (
        <blockquote key={one.seq} dir="auto">
          <strong>{one.senderName}</strong> <MessageContent message={one} />
        </blockquote>
      ))}
      <div class="buttons">
        <button type="button" class="secondary" onClick={() => store.client.outbox.resend(message)}>
          {t(isConflict ? "extras.refused.sendAnyway" : "common.tryAgain")}
        </button>
        {isConflict && (
          <button
            type="button"
            class="secondary"
            disabled={isWriting}
            title={isWriting ? t("extras.refused.editBusy") : undefined}
            onClick={edit}
          >
            {t("extras.refused.edit")}
          </button>
        )}
        <button type="button" class="quiet" onClick={() => store.client.outbox.discard(message.clientMessageId)}>
          {t("extras.refused.discard")}
        </button>
      </div>
    </div>
  );
}
