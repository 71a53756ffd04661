// What the AI says about a conversation: its classification as chips that can be corrected, and its draft.

import { words } from "./format";
import { Icon } from "./icons";
import { Menu } from "./parts";
import type { Thread } from "./thread";
import type { Category, Draft, Priority } from "./types";
import { useDesk } from "./use";

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
const FEELINGS = { positive: "Content", neutral: "Neutral", negative: "Unhappy" };
const languages = new Intl.DisplayNames(undefined, { type: "language", fallback: "code" });

export function Chips({ thread }: { thread: Thread }) {
  const desk = useDesk();
  const found = thread.classification;
  if (!found)
    return thread.isThinking ? (
      <p class="chips">
        <span class="chip thinking">
          <Icon name="spark" /> The AI is reading
        </span>
      </p>
    ) : null;
  const { category, priority, sentiment, language, tags } = found.classification;
  const correct = (change: { category?: Category; priority?: Priority }) =>
    void desk.correct(found.conversationId, found.messageId, change);
  return (
    <fieldset class="chips" aria-label="What the AI has found">
      <span class="chip-mark" title={`The AI is ${Math.round(found.confidence * 100)} % sure`}>
        <Icon name="spark" />
        <span class="hidden">Found by the AI, {Math.round(found.confidence * 100)} % sure:</span>
      </span>
      <Menu
        class="chip"
        label={`${words(category)}: correct the category`}
        disabled={!desk.mayAnswer}
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
        label={`${words(priority)} priority: correct it`}
        disabled={!desk.mayAnswer}
        choices={PRIORITIES.map((one) => ({
          label: words(one),
          isChosen: one === priority,
          choose: () => correct({ priority: one }),
        }))}
      >
        {words(priority)} priority
      </Menu>
      <span class={`chip-text feeling-${sentiment}`}>{FEELINGS[sentiment]}</span>
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
  const desk = useDesk();
  const { thread, conversationId } = props;
  const { draft } = thread;
  if (!draft || thread.isAnswered || desk.dismissed.has(draft.messageId)) return null;
  const { content, suggestedActions } = draft.draft;
  const use = () => {
    desk.dismissDraft(draft.messageId);
    desk.write({ conversationId, content, private: false, attachments: [], basedOnSeq: draft.basedOnSeq });
  };
  const edit = () => {
    desk.dismissDraft(draft.messageId);
    desk.compose(conversationId, { text: content, isNote: false, basedOnSeq: draft.basedOnSeq });
    props.focus();
  };
  return (
    <section class={`draft ${thread.isDraftStale ? "stale" : ""}`} aria-label="Draft of the AI">
      <header class="draft-head">
        <Icon name="spark" />
        <h2>Suggested reply</h2>
        <span class="draft-sure">{grounds(draft)}</span>
        {thread.isDraftStale && (
          <span class="stale-mark">
            <Icon name="warn" /> A newer message came
          </span>
        )}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by the keyboard */}
      <section class="draft-text" tabIndex={0} aria-label="Text of the draft">
        {content}
      </section>
      <div class="buttons">
        <button type="button" class="primary" onClick={use} disabled={thread.isDraftStale} data-action="use-draft">
          Send as it is
        </button>
        <button type="button" class="secondary" onClick={edit} data-action="edit-draft">
          Edit
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => desk.dismissDraft(draft.messageId)}
          data-action="dismiss-draft"
        >
          Dismiss
        </button>
        {suggestedActions.length > 0 && <span class="draft-actions">{suggestedActions.map(words).join(" · ")}</span>}
      </div>
    </section>
  );
}

const SOURCES = { article: "an article", canned_reply: "a canned reply", past_answer: "a past answer" };

function grounds(draft: Draft): string {
  const kinds = new Set(draft.citations?.map((source) => SOURCES[source.kind]));
  const from = kinds.size ? `, from ${[...kinds].join(" and ")}` : "";
  return `${Math.round(draft.confidence * 100)} % sure${from}`;
}
