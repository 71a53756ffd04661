// Requests for the AI: a draft that is generated, and the summary for an agent who takes over.

import { t } from "@hummdesk/texts";
import { Icon } from "./components/icon";
import { cost } from "./format";
import { requestDraft, requestSummary } from "./state/ai-requests";
import { useStore } from "./state/context";
import type { Thread } from "./state/thread";

// The draft that is generated, or without a draft the button that requests one.
export function Drafting({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const { ai } = thread;
  if (ai.streaming)
    return (
      <section class="draft" aria-label={t("console.ai.growingDraft")} aria-busy="true">
        <header class="draft-head">
          <Icon name="spark" />
          <h2>{t("console.ai.drafting")}</h2>
        </header>
        <div class="draft-text">{ai.streaming.text}</div>
      </section>
    );
  if (!thread.isWaiting || store.conversation?.status === "closed") return null;
  return (
    <div class="draft-request">
      <button
        type="button"
        class="quiet"
        disabled={ai.isDrafting}
        onClick={() => void requestDraft(store, conversationId)}
        data-action="request-draft"
      >
        <Icon name="spark" /> {t(ai.isDrafting ? "console.ai.drafting" : "console.ai.requestDraft")}
      </button>
      {ai.draftFault && <span role="status">{t(`console.ai.${ai.draftFault}`)}</span>}
    </div>
  );
}

export function Summary({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const { summary, isSummarizing } = thread.ai;
  const lines = summary?.summary.split("\n") ?? [];
  const isCurrent = summary !== undefined && thread.lastPublicSeq <= summary.basedOnSeq;
  if (!thread.lastPublicSeq || (!summary && !store.canReply)) return null;
  return (
    <section class="summary" aria-label={t("console.ai.summary")}>
      {lines.map((line, n) => (
        <p key={String(n)}>{line}</p>
      ))}
      {summary?.cost && <small>{cost(summary.cost)}</small>}
      {!isCurrent && store.canReply && (
        <button
          type="button"
          class="quiet"
          disabled={isSummarizing}
          onClick={() => void requestSummary(store, conversationId)}
          data-action="request-summary"
        >
          <Icon name="spark" /> {t(isSummarizing ? "console.ai.summarizing" : "console.ai.requestSummary")}
        </button>
      )}
    </section>
  );
}
