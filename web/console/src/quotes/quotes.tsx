// What the sources of a draft say, word for word: the sentences on which it rests.

import { t } from "@hummdesk/texts";
import type { Draft } from "../types";
import "./quotes.css";

export function Quotes({ draft }: { draft: Draft }) {
  const quoted = draft.citations?.filter((source) => source.quote) ?? [];
  return (
    <details class="draft-quotes">
      <summary>{t("console.ai.quotes", { count: quoted.length })}</summary>
      {quoted.map((source) => (
        <figure key={source.id}>
          <blockquote dir="auto">{source.quote}</blockquote>
          <figcaption dir="auto">{source.title}</figcaption>
        </figure>
      ))}
    </details>
  );
}
