// The customer's other conversations, into which the open one can be merged.

import type { Conversation } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { PageLink } from "../components/page-link";
import { when } from "../format";
import { useStore } from "../state/context";
import type { CustomerProfile } from "./profile";

interface Props {
  conversations: Conversation[];
  conversationId: string;
  profile: CustomerProfile;
}

export function Earlier({ conversations, conversationId, profile }: Props) {
  const store = useStore();
  const [chosen, choose] = useState<string | null>(null);
  const question = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => question.current?.focus(), [chosen]);
  const isMergeable = store.canReply && !store.conversation?.continuedIn;
  const merge = async (intoConversationId: string) => {
    choose(null);
    const isDone = await store.attempt(async () => {
      await store.client.request("merge_conversation", { conversationId, intoConversationId });
    });
    if (!isDone) return;
    void profile.load();
    store.open(intoConversationId);
  };
  return (
    <section aria-label={t("extras.customer.conversations")}>
      <h3 class="overline">{t("extras.customer.conversations")}</h3>
      <ul class="plain">
        {conversations.map((one) => (
          <li key={one.id}>
            <PageLink href={store.pathOf(one.id)} class="customer-conversation">
              <span dir="auto">{one.subject ?? t("extras.customer.noSubject")}</span>
              <small>
                {t(`common.status.${one.status}`)} · {when(one.updatedAt)}
              </small>
            </PageLink>
            {isMergeable && !one.continuedIn && chosen !== one.id && (
              <button type="button" class="quiet" onClick={() => choose(one.id)}>
                {t("extras.merge.begin")}
              </button>
            )}
            {chosen === one.id && (
              <p class="merge-question">
                {t("extras.merge.question")}{" "}
                <button type="button" class="secondary" ref={question} onClick={() => void merge(one.id)}>
                  {t("extras.merge.confirm")}
                </button>{" "}
                <button type="button" class="quiet" onClick={() => choose(null)}>
                  {t("common.cancel")}
                </button>
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
