"""The answer of a draft: of each source the few sentences that answer, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass

from hummdesk.ai.embedded.article_text import Sentence, count_words
from hummdesk.ai.embedded.source_ranking import THRESHOLD, RankedSource
from hummdesk.ai.protocol import Quote

CLAUSE_THRESHOLD = 0.35
"""Least probability with which a source is used for a clause, once another clause or the whole message is answered."""
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


def parts(selected: Sequence[RankedSource], by_clause: Sequence[Sequence[RankedSource]]) -> list[Part]:
    """Return what answers the message as a whole, then what answers its clauses, each from the source that does best.

    Empty if no source is probable enough for any of them.
    """
    candidates = [*selected[:1], *(ranked[0] for ranked in by_clause)]
    if all(one.probability < THRESHOLD for one in candidates):
        return []
    chosen: dict[int, RankedSource] = {}
    for one in candidates:
        if one.probability >= CLAUSE_THRESHOLD:
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
