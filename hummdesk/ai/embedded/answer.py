"""The answer of a draft: of each source the few sentences that answer, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hummdesk.ai.embedded import language, quotation
from hummdesk.ai.embedded.article_text import count_words
from hummdesk.ai.embedded.contradictions import contradict
from hummdesk.ai.embedded.source_ranking import RankedClause, RankedSource, Source
from hummdesk.ai.protocol import Quote

FIRST_CLAUSE_THRESHOLD = 0.7
"""Least probability with which a source is used for a clause of a message that no source answers as a whole."""
FIRST_CLAUSE_WORDS = 3
"""Least words of such a clause: a phrase such as "75 kg." resembles an article that it does not ask for."""
CLAUSE_THRESHOLD = 0.5
"""The same, once the whole message or another clause is answered."""
LEADING_SOURCES, LEADING_THRESHOLD, LEADING_CLAUSE_THRESHOLD = 3, 0.2, 0.2
"""The same for a source that is among the first for the whole message, too, with at least LEADING_THRESHOLD."""
MAX_PARTS = 3
"""As many as a draft has citations."""
MAX_TOTAL = 120
"""Words of all parts, unless the first alone is longer."""
UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """What the answer takes from one source."""

    ranked: RankedSource
    text: str
    contradicted: tuple[RankedSource, ...] = ()
    """Older articles that say otherwise."""

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
    ranked: Sequence[RankedSource], selected: Sequence[RankedSource], clauses: Sequence[RankedClause]
) -> list[Part]:
    """Return what answers the message as a whole, then what answers its clauses, each from the source that does best.

    If no source answers the whole, the clause with the most probable source comes first. Empty if no source is probable
    enough for any of them. `ranked` are all sources by the whole message, of which `selected` are probable enough.
    """
    first = selected[0] if selected else _first_of_clauses(clauses)
    if first is None:
        return []
    leading = [one.source for one in ranked[:LEADING_SOURCES] if one.probability >= LEADING_THRESHOLD]
    chosen = {first.source: first}
    for one in (clause.ranked[0] for clause in clauses):
        if one.probability >= (LEADING_CLAUSE_THRESHOLD if one.source in leading else CLAUSE_THRESHOLD):
            chosen.setdefault(one.source, one)
    found: dict[Source, Part] = {}
    max_words = quotation.MAX_WORDS if len(chosen) == 1 else quotation.MAX_WORDS_OF_SEVERAL
    for one in _asked_apart(chosen, clauses):
        part = _part(one, ranked, max_words)
        found.setdefault(part.ranked.source, part)
    return _shortened(list(found.values()))


def _asked_apart(chosen: dict[Source, RankedSource], clauses: Sequence[RankedClause]) -> list[RankedSource]:
    """Return the chosen sources, each asked for the clauses that it answers best, the first one for all others, too."""
    first, *others = chosen.values()
    if not others:
        return [first]
    asked: dict[Source, list[str]] = {source: [] for source in chosen}
    for one in (clause.ranked[0] for clause in clauses):
        asked[one.source if one.source in chosen else first.source].append(one.asked[0])
    texts = {source: (" ".join(own),) for source, own in asked.items() if own}
    # A follow-up is searched together with the conversation before it, its clauses are not.
    return [replace(one, asked=(*texts.get(one.source, one.asked[:1]), *one.asked[1:])) for one in chosen.values()]


def _part(chosen: RankedSource, ranked: Sequence[RankedSource], max_words: int) -> Part:
    """Return the part from this source, or from the newest of the articles that contradict it."""
    source, text = chosen.source, quoted(chosen, max_words)
    if source.citation.kind != "article":
        return Part(chosen, text)
    spoken = language.detect(source.body)
    others = [
        one
        for one in (replace(other, asked=chosen.asked) for other in ranked)
        if one.source.citation.kind == "article"
        and one.source != source
        and one.probability >= LEADING_THRESHOLD
        and language.detect(one.source.body) == spoken
        and contradict(text, quoted(one, max_words), titles=(source.citation.title, one.source.citation.title))
    ]
    newest, *older = sorted([chosen, *others], key=lambda one: one.source.changed_at or UNDATED, reverse=True)
    return Part(replace(newest, probability=chosen.probability), quoted(newest, max_words), tuple(older))


def _first_of_clauses(clauses: Sequence[RankedClause]) -> RankedSource | None:
    """Return the most probable source of a clause that leads to a draft although no source answers the whole."""
    candidates = [clause.ranked[0] for clause in clauses if clause.words >= FIRST_CLAUSE_WORDS]
    best = max(candidates, key=lambda one: one.probability, default=None)
    return best if best is not None and best.probability >= FIRST_CLAUSE_THRESHOLD else None


def _shortened(found: Sequence[Part]) -> list[Part]:
    """Drop the least probable parts, but not the first one, until few and short ones remain."""
    first, *others = found
    while others and (len(others) >= MAX_PARTS or sum(count_words(one.text) for one in (first, *others)) > MAX_TOTAL):
        others.remove(min(others, key=lambda one: one.ranked.probability))
    return [first, *others]


def quoted(ranked: RankedSource, max_words: int) -> str:
    """Return the sentences of an article that answer, in their order; a canned reply or past answer as it is."""
    source = ranked.source
    if not source.sentences:
        return source.body
    return quotation.quote(source.sentences, source.passages, ranked.asked, max_words=max_words)
