// AI results of a conversation: the classification, which agents can correct, and the draft of a reply.

import { languageName, list, t } from "@hummdesk/texts";
import { useEffect } from "preact/hooks";
import { categoryName, keysOf, tagName } from "./categories";
import { Icon } from "./components/icon";
import { Menu } from "./components/menu";
import { Drafting } from "./drafting";
import { capitalized, percent } from "./format";
import { insertText } from "./insertion";
import { lazily } from "./lazy";
import { markDraft } from "./state/ai-requests";
import { useStore } from "./state/context";
import { sendDraft } from "./state/held-reply";
import type { Thread } from "./state/thread";
import type { Category, Draft, Priority } from "./types";

const Quotes = lazily(async () => (await import("./quotes/quotes")).Quotes);

const PRIORITIES: Priority[] = ["low", "medium", "high", "urgent"];

export function ClassificationChips({ thread }: { thread: Thread }) {
  const store = useStore();
  const result = thread.classification;
  if (!result)
    return thread.isAiRunning ? (
      <p class="chips">
        <span class="chip running">
          <Icon name="spark" /> {t("console.ai.running")}
        </span>
      </p>
    ) : null;
  const { category, unknown, priority, sentiment, language, tags } = result.classification;
  const correct = (change: { category?: Category; priority?: Priority }) =>
    void store.correct(result.conversationId, result.messageId, change);
  const label = t("console.ai.classificationConfidence", { confidence: percent(result.confidence) });
  const name = categoryName(store.categories, category);
  const shown = unknown ? t("console.ai.unknownCategory") : name;
  const priorityName = t(`common.priority.${priority}`);
  return (
    <fieldset class="chips" aria-label={t("console.ai.classification")}>
      <span class="chip-mark" title={label}>
        <Icon name="spark" />
        <span class="hidden">{label}:</span>
      </span>
      <Menu
        class="chip"
        label={t("console.ai.changeCategory", {
          category: unknown ? t("console.ai.perhaps", { category: name }) : name,
        })}
        disabled={!store.canReply}
        choices={keysOf(store.categories).map((one) => ({
          label: categoryName(store.categories, one),
          isChosen: one === category && !unknown,
          choose: () => correct({ category: one }),
        }))}
      >
        {shown}
      </Menu>
      <Menu
        class={`chip chip-${priority}`}
        label={t("console.ai.changePriority", { priority: priorityName })}
        disabled={!store.canReply}
        choices={PRIORITIES.map((one) => ({
          label: t(`common.priority.${one}`),
          isChosen: one === priority,
          choose: () => correct({ priority: one }),
        }))}
      >
        {t("console.ai.priority", { priority: priorityName })}
      </Menu>
      <span class={`chip-text sentiment-${sentiment}`}>{t(`console.ai.sentiment.${sentiment}`)}</span>
      <span class="chip-text">{language === "und" ? t("console.ai.unknownLanguage") : languageName(language)}</span>
      {tags.map((tag) => (
        <span class="chip-text" key={tag}>
          #{tagName(store.categories, tag)}
        </span>
      ))}
    </fieldset>
  );
}

export function DraftCard({ thread, conversationId }: { thread: Thread; conversationId: string }) {
  const store = useStore();
  const { draft } = thread;
  if (!draft || thread.isAnswered || thread.ai.streaming || store.dismissedDrafts.has(draft.messageId))
    return <Drafting thread={thread} conversationId={conversationId} />;
  return <Shown key={draft.runId} thread={thread} draft={draft} />;
}

function Shown({ thread, draft }: { thread: Thread; draft: Draft }) {
  const store = useStore();
  const { conversationId } = draft;
  const { content, suggestedActions, question } = draft.draft;
  useEffect(() => markDraft(store, draft, "shown"), []);
  const dismiss = () => {
    store.dismissDraft(draft.messageId);
    markDraft(store, draft, "dismissed");
  };
  const send = () => sendDraft(store, conversationId, draft);
  const edit = () => {
    store.dismissDraft(draft.messageId);
    const onUndo = () => store.dismissedDrafts.delete(draft.messageId);
    insertText(store, conversationId, content, { basedOnSeq: draft.basedOnSeq }, onUndo);
  };
  return (
    <section class={`draft ${thread.isDraftStale ? "stale" : ""}`} aria-label={t("console.ai.draft")}>
      <header class="draft-head">
        <Icon name="spark" />
        <h2>{t(question ? "console.ai.suggestedQuestion" : "console.ai.suggestedReply")}</h2>
        <span class="draft-confidence">{basis(draft)}</span>
        {thread.isDraftStale && (
          <span class="stale-mark">
            <Icon name="warn" /> {t("console.ai.stale")}
          </span>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section class="draft-text" dir="auto" tabIndex={0} aria-label={t("console.ai.draftText")}>
        {content}
      </section>
      {draft.citations?.some((source) => source.quote) && <Quotes draft={draft} />}
      <div class="buttons">
        <button type="button" class="primary" onClick={send} disabled={thread.isDraftStale} data-action="use-draft">
          {t("console.ai.sendAsIs")}
        </button>
        <button type="button" class="secondary" onClick={edit} data-action="edit-draft">
          {t("console.ai.edit")}
        </button>
        <button type="button" class="quiet" onClick={dismiss} data-action="dismiss-draft">
          {t("console.ai.dismiss")}
        </button>
        {suggestedActions.length > 0 && (
          <span class="draft-actions">{suggestedActions.map(capitalized).join(" · ")}</span>
        )}
      </div>
    </section>
  );
}

function basis(draft: Draft): string {
  const kinds = [...new Set(draft.citations?.map((source) => source.kind))];
  const confidence = percent(draft.confidence);
  if (kinds.length === 0) return t("console.ai.basis", { confidence });
  const sources = list(kinds.map((kind) => t(`console.ai.source.${kind}`)));
  return t("console.ai.basisWithSources", { confidence, sources });
}
