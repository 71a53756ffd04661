"""The answer of a draft: of each source the few sentences that answer, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass

from hummdesk.ai.embedded.article_text import Sentence, count_words
from hummdesk.ai.embedded.source_ranking import RankedSource
from hummdesk.ai.protocol import Quote

FIRST_CLAUSE_THRESHOLD = 0.7
"""Least probability with which a source is used for a clause of a message that no source answers as a whole."""
CLAUSE_THRESHOLD = 0.5
"""The same, once the whole message or another clause is answered."""
LEADING_SOURCES, LEADING_CLAUSE_THRESHOLD = 3, 0.2
"""The same for the sources that are the most probable ones for the whole message, too."""
MAX_WORDS = 65
"""Words that are quoted of a long article, its warning aside, unless its best sentence alone is longer."""
MAX_SENTENCES = 4
RELEVANCE_MARGIN = 0.3
"""How much less relevant than the best a quoted sentence may be."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the answer takes from one source."""

    ranked: RankedSource
    text: str

    @property
    def quote(self) -> Quote | None:
        """None for a canned reply or past answer."""
        citation = self.ranked.source.citation
        return (
            Quote(source=citation.id, text=self.text)
            if citation.kind == "article" and citation.id is not None
            else None
        )


def parts(
    ranked: Sequence[RankedSource], selected: Sequence[RankedSource], by_clause: Sequence[Sequence[RankedSource]]
) -> list[Part]:
    """Return what answers the message as a whole, then what answers its clauses, each from the source that does best.

    Empty if no source is probable enough for any of them. `ranked` are all sources by the whole message, of which
    `selected` are probable enough.
    """
    of_clauses = [sources[0] for sources in by_clause]
    if not selected and all(one.probability < FIRST_CLAUSE_THRESHOLD for one in of_clauses):
        return []
    leading = {id(one.source) for one in ranked[:LEADING_SOURCES]}
    chosen = {id(one.source): one for one in selected[:1]}
    for one in of_clauses:
        if one.probability >= (LEADING_CLAUSE_THRESHOLD if id(one.source) in leading else CLAUSE_THRESHOLD):
            chosen.setdefault(id(one.source), one)
    return [Part(one, quoted(one)) for one in chosen.values()]


def quoted(ranked: RankedSource) -> str:
    """Return the sentences of an article that answer, in their order; a canned reply or past answer as it is."""
    sentences = ranked.source.sentences
    if not sentences:
        return ranked.source.body
    best_first = sorted(range(len(sentences)), key=lambda number: (-ranked.relevance[number], number))
    chosen = {number for number, one in enumerate(sentences) if one.is_warning}
    free = MAX_WORDS
    for number in best_first[:MAX_SENTENCES]:
        free -= count_words(sentences[number].text)
        is_relevant = ranked.relevance[number] >= ranked.relevance[best_first[0]] - RELEVANCE_MARGIN
        if number == best_first[0] or (free >= 0 and is_relevant):
            chosen.add(number)
    return _joined([sentences[number] for number in sorted(chosen)])


def _joined(sentences: Sequence[Sentence]) -> str:
    return " ".join(one.text for one in sentences)
