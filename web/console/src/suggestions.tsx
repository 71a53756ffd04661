// The list above the composer of what can be inserted: canned replies after "/", in a note colleagues after "@".

import type { CannedReply } from "@hummdesk/client/rest";
import { t } from "@hummdesk/texts";
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "./components/avatar";
import { type Completion, completionAt, matching } from "./state/completion";
import { useStore } from "./state/context";
import { fillSlots } from "./state/slots";
import type { Store } from "./state/store";
import type { Agent } from "./types";

const MOST = 8;
const LIST_ID = "suggestions";
const GAP = /\[[^\]\n]{1,40}\]/;

interface Suggestion {
  id: string;
  name: string;
  detail: string;
  text: string;
  presence?: Agent["status"];
}

export function useSuggestions(field: RefObject<HTMLTextAreaElement | null>, customerName: string, isNote: boolean) {
  const store = useStore();
  const [completion, setCompletion] = useState<Completion | null>(null);
  const [selected, select] = useState(0);
  const found = completion ? suggestions(store, completion, customerName) : [];
  const isLoading = completion?.trigger === "/" && store.canned.state === "loading";
  const hasFailed = completion?.trigger === "/" && store.canned.state === "failed";
  const isOpen = completion !== null && (found.length > 0 || isLoading || hasFailed);
  const current = Math.min(selected, found.length - 1);

  useEffect(() => {
    if (completion?.trigger === "/") void store.canned.refresh();
  }, [completion?.trigger]);

  const update = () => {
    const { value = "", selectionStart = 0, selectionEnd = 0 } = field.current ?? {};
    const next = selectionStart === selectionEnd ? completionAt(value, selectionStart, isNote ? "/@" : "/") : null;
    setCompletion(next);
    select(0);
  };
  const insert = (one: Suggestion) => {
    if (completion && field.current) replace(field.current, completion.start, completion.end, one.text);
    setCompletion(null);
  };
  // Returns whether the key was one of the list.
  const onKeyDown = (event: KeyboardEvent): boolean => {
    if (!isOpen || event.isComposing || event.ctrlKey || event.metaKey) return false;
    const one = found[current];
    if (event.key === "ArrowDown") select((current + 1) % Math.max(found.length, 1));
    else if (event.key === "ArrowUp") select((current - 1 + found.length) % Math.max(found.length, 1));
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && one) insert(one);
    else if (event.key === "Escape") setCompletion(null);
    else if (event.key !== "Enter" || event.shiftKey || !isLoading) return false; // Enter waits for the list
    event.preventDefault();
    return true;
  };
  const options = isOpen && (
    <div class="suggestions" role="listbox" id={LIST_ID} aria-label={labelOf(completion)}>
      {found.map((one, n) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and handles the keys
        <div
          key={one.id}
          id={`suggestion-${n}`}
          role="option"
          class="suggestion"
          aria-selected={n === current}
          tabIndex={-1}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => insert(one)}
        >
          {one.presence && <Avatar name={one.name} presence={one.presence} />}
          <strong>{one.name}</strong>
          <span>{one.detail}</span>
        </div>
      ))}
      {found.length === 0 && (
        <div role="option" class="suggestion" aria-selected="false" aria-disabled="true" tabIndex={-1}>
          {t(hasFailed ? "console.suggestions.failed" : "console.suggestions.loading")}
        </div>
      )}
    </div>
  );
  // A field of several lines cannot be a combobox: the open list is announced.
  const list = (
    <>
      <span class="hidden" aria-live="polite">
        {isOpen && found.length > 0 && t("console.suggestions.found", { count: found.length })}
      </span>
      {options}
    </>
  );
  const attributes = isOpen
    ? {
        "aria-controls": LIST_ID,
        "aria-activedescendant": found[current] ? `suggestion-${current}` : undefined,
      }
    : {};
  return { update, onKeyDown, list, attributes, close: () => setCompletion(null) };
}

function labelOf(completion: Completion): string {
  return t(completion.trigger === "/" ? "console.suggestions.cannedReplies" : "console.suggestions.colleagues");
}

function suggestions(store: Store, { trigger, query }: Completion, customerName: string): Suggestion[] {
  if (trigger === "/") {
    const replies = matching(store.canned.all, query, titleOf, bodyOf).slice(0, MOST);
    return replies.map(({ id, title, body }) => ({
      id,
      name: title,
      detail: body.replace(/\s+/g, " ").slice(0, 120),
      text: fillSlots(body, customerName),
    }));
  }
  const others = [...store.agents.values()].filter((one) => one.agentId !== store.me?.userId);
  const colleagues = matching(others, query, ({ name }) => name).slice(0, MOST);
  return colleagues.map(({ agentId, name, email, status }) => ({
    id: agentId,
    name,
    detail: email,
    text: `@${name} `,
    presence: status,
  }));
}

const titleOf = ({ title }: CannedReply) => title;
const bodyOf = ({ body }: CannedReply) => body;

// As if typed, so that the browser can undo it. A gap, such as [order number], is selected to be filled.
function replace(field: HTMLTextAreaElement, start: number, end: number, text: string): void {
  field.focus();
  field.setSelectionRange(start, end);
  document.execCommand("insertText", false, text);
  const gap = GAP.exec(text);
  if (gap) field.setSelectionRange(start + gap.index, start + gap.index + gap[0].length);
}
