// An AI draft that is sent as it is: the page holds it for some seconds, in which the agent can undo it.

import { t } from "@hummdesk/texts";
import type { Draft } from "../types";
import type { Store } from "./store";

const HELD_MS = 5000;

export function sendDraft(store: Store, conversationId: string, { messageId, draft, basedOnSeq }: Draft): void {
  store.dismissDraft(messageId);
  store.undo.offer({
    label: t("console.undo.sending"),
    ms: HELD_MS,
    undo: () => store.dismissedDrafts.delete(messageId),
    finish: () => store.send({ conversationId, content: draft.content, private: false, attachments: [], basedOnSeq }),
  });
}
