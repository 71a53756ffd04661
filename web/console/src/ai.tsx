// AI results of a conversation: the classification, which agents can correct, and the draft of a reply.

import { Icon } from "./components/icon";
import { Menu } from "./components/menu";
import { words } from "./format";
import { useStore } from "./state/context";
import type { Thread } from "./state/thread";
import type { Category, Draft, Priority } from "./types";

const CATEGORIES: Category[] = [
  "account_access",
  "billing",
  "refund_cancellation",
  "order_shipping",
  "technical",
  "sales",
  "complaint_feedback",
  "general",
];
const PRIORITIES: Priority[] = ["low", "medium", "high", "urgent"];
const languages = new Intl.DisplayNames(undefined, { type: "language", fallback: "code" });

export function ClassificationChips({ thread }: { thread: Thread }) {
  const store = useStore();
  const result = thread.classification;
  if (!result)
    return thread.isAiRunning ? (
      <p class="chips">
        <span class="chip running">
          <Icon name="spark" /> AI is running…
        </span>
      </p>
    ) : null;
  const { category, priority, sentiment, language, tags } = result.classification;
  const correct = (change: { category?: Category; priority?: Priority }) =>
    void store.correct(result.conversationId, result.messageId, change);
  const confidence = `confidence ${percent(result.confidence)}`;
  return (
    <fieldset class="chips" aria-label="AI classification">
      <span class="chip-mark" title={`AI classification, ${confidence}`}>
        <Icon name="spark" />
        <span class="hidden">AI classification, {confidence}:</span>
      </span>
      <Menu
        class="chip"
        label={`${words(category)}: change category`}
        disabled={!store.canReply}
        choices={CATEGORIES.map((one) => ({
          label: words(one),
          isChosen: one === category,
          choose: () => correct({ category: one }),
        }))}
      >
        {words(category)}
      </Menu>
      <Menu
        class={`chip chip-${priority}`}
        label={`${words(priority)} priority: change priority`}
        disabled={!store.canReply}
        choices={PRIORITIES.map((one) => ({
          label: words(one),
          isChosen: one === priority,
          choose: () => correct({ priority: one }),
        }))}
      >
        {words(priority)} priority
      </Menu>
      <span class={`chip-text sentiment-${sentiment}`}>{words(sentiment)}</span>
      <span class="chip-text">{language === "und" ? "Unknown language" : languages.of(language)}</span>
      {tags.slice(0, 4).map((tag) => (
        <span class="chip-text" key={tag}>
          #{tag}
        </span>
      ))}
    </fieldset>
  );
}

export function DraftCard(props: { thread: Thread; conversationId: string; focus: () => void }) {
  const store = useStore();
  const { thread, conversationId } = props;
  const { draft } = thread;
  if (!draft || thread.isAnswered || store.dismissedDrafts.has(draft.messageId)) return null;
  const { content, suggestedActions } = draft.draft;
  const send = () => {
    store.dismissDraft(draft.messageId);
    store.send({ conversationId, content, private: false, attachments: [], basedOnSeq: draft.basedOnSeq });
  };
  const edit = () => {
    store.dismissDraft(draft.messageId);
    store.compose(conversationId, { text: content, isNote: false, basedOnSeq: draft.basedOnSeq });
    props.focus();
  };
  return (
    <section class={`draft ${thread.isDraftStale ? "stale" : ""}`} aria-label="AI draft">
      <header class="draft-head">
        <Icon name="spark" />
        <h2>Suggested reply</h2>
        <span class="draft-confidence">{basis(draft)}</span>
        {thread.isDraftStale && (
          <span class="stale-mark">
            <Icon name="warn" /> A newer message arrived
          </span>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section class="draft-text" tabIndex={0} aria-label="Draft text">
        {content}
      </section>
      <div class="buttons">
        <button type="button" class="primary" onClick={send} disabled={thread.isDraftStale} data-action="use-draft">
          Send as is
        </button>
        <button type="button" class="secondary" onClick={edit} data-action="edit-draft">
          Edit
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => store.dismissDraft(draft.messageId)}
          data-action="dismiss-draft"
        >
          Dismiss
        </button>
        {suggestedActions.length > 0 && <span class="draft-actions">{suggestedActions.map(words).join(" · ")}</span>}
      </div>
    </section>
  );
}

const SOURCES = { article: "an article", canned_reply: "a canned reply", past_answer: "a past reply" };

function basis(draft: Draft): string {
  const kinds = new Set(draft.citations?.map((source) => SOURCES[source.kind]));
  const sources = kinds.size ? `, based on ${[...kinds].join(" and ")}` : "";
  return `Confidence ${percent(draft.confidence)}${sources}`;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`;
}
