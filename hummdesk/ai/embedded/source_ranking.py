"""Ranking of an account's articles, canned replies and past answers for one message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from hummdesk.ai.embedded import article_text, classifiers, language, reranking
from hummdesk.ai.embedded.analysis import MessageFeatures
from hummdesk.ai.embedded.article_text import Sentence
from hummdesk.ai.embedded.chunks import chunks_by_sentence, nearest_chunk
from hummdesk.ai.embedded.retrieval import (
    PassageIndex,
    Query,
    answer_probability,
    clauses_of,
    follow_up_probability,
    queries_of,
)
from hummdesk.ai.protocol import Article, Citation, Knowledge, Turn
from hummdesk.ai.text import stems

THRESHOLD = 0.45
"""Least probability with which a source is used; if no source reaches it, the provider abstains."""
LANGUAGE_MARGIN = 0.15
"""How much less probable a source in the customer's language may be and still come first."""
FOLLOW_UP_SCOPE = 0.1
"""Least probability of being in scope for a message that may follow up another one: "And then?" is in scope enough."""
SHORT_BODY = 45
"""Words of an article that is found and quoted as a whole."""
ENGLISH = "en"
"""The language of the cross-encoder."""
RERANKING_MARGIN = 0.3
"""How much more probable a source must be by the cross-encoder than the first one, to come before it.

It judges better whether a source answers than which of two similar ones does.
"""
CLAIM_MARGIN = 0.25
"""How much less probable a source may be and still come before one that may claim an action that was not done."""


@dataclass(frozen=True, slots=True)
class Source:
    """An article, a canned reply or a past answer."""

    citation: Citation
    body: str
    questions: tuple[str, ...] = ()
    may_claim_actions: bool = True
    """It may say that something was done for the customer ("I have sent it"), which is not true for this one."""
    changed_at: datetime | None = None
    """When an article was last changed."""
    encoded: bytes = field(default=b"", compare=False, repr=False)

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Of a long article; everything else is found and used as a whole."""
        is_long = self.citation.kind == "article" and article_text.count_words(self.body) > SHORT_BODY
        return article_text.sentences(self.body) if is_long else ()

    @property
    def passages(self) -> tuple[str, ...]:
        """Its title, its title with its body, its questions, its sentences with title and heading, and alone.

        A past answer is found by its question only: the answer is about another customer.
        """
        title = self.citation.title
        in_context = [". ".join(filter(None, (title, one.heading, one.text))) for one in self.sentences]
        alone = [one.text for one in self.sentences]
        return (*self._texts, *in_context, *alone)

    @property
    def chunks(self) -> tuple[str | None, ...]:
        """For each passage of an article the text that the cross-encoder reads: of a question, that question.

        None where other passages say more precisely which.
        """
        title, questions = self.citation.title, self.questions
        if not self.sentences:
            return (None, f"{title}. {self.body}", *questions)
        return (None, None, *questions, *(2 * chunks_by_sentence(title, self.sentences)))

    @property
    def whole(self) -> str:
        """Its text for the search by words; the title counts twice."""
        return "\n".join(self._texts)

    @property
    def _texts(self) -> tuple[str, ...]:
        title = self.citation.title
        is_past = self.citation.kind == "past_answer"
        return (title,) if is_past else (title, f"{title}. {self.body}", *self.questions)


@dataclass(frozen=True, slots=True)
class RankedSource:
    source: Source
    probability: float
    """That it answers the message."""
    score: float
    asked: tuple[str, ...]
    """What it was searched for: the message, or a clause of it, and if it was needed the conversation."""

    @property
    def nearest_chunk(self) -> str:
        return nearest_chunk(self.asked, self.source.passages, self.source.chunks)


@dataclass(frozen=True, slots=True)
class RankedClause:
    """A part of a message that may be a question of its own, and all sources for it."""

    words: int
    ranked: list[RankedSource]


def rank_sources(message: MessageFeatures, knowledge: Knowledge, history: Sequence[Turn] = ()) -> list[RankedSource]:
    """Return all sources, the best first; none for a message without words.

    If message and first source are English, the cross-encoder judges the first few sources, of which it reads English
    articles. One of them comes first in place of another only if it is much more probable.
    """
    ranked = rank_by_retrieval(message, knowledge, history)
    first = ranked[: reranking.CANDIDATES]
    if message.language != ENGLISH or not first or not reranking.is_doubtful(one.probability for one in first):
        return ranked
    chunks = {number: chunk for number, one in enumerate(first) if (chunk := _english_chunk(one)) is not None}
    if 0 not in chunks:
        return ranked
    candidates = [(first[number].probability, chunk) for number, chunk in chunks.items()]
    for number, probability in zip(chunks, reranking.rerank(message.text, history, candidates), strict=True):
        first[number] = replace(first[number], probability=probability)
    best = first[max(chunks, key=lambda number: first[number].probability)]
    if best.probability - first[0].probability > RERANKING_MARGIN:
        first = [best, *(one for one in first if one is not best)]
    return [*first, *ranked[len(first) :]]


def _english_chunk(ranked: RankedSource) -> str | None:
    """Return what the cross-encoder reads of a source; None unless it is an English article."""
    if ranked.source.citation.kind != "article":
        return None
    chunk = ranked.nearest_chunk
    return chunk if language.detect(chunk) == ENGLISH else None


def rank_by_retrieval(
    message: MessageFeatures, knowledge: Knowledge, history: Sequence[Turn] = ()
) -> list[RankedSource]:
    """Return all sources, the best first; none for a message without words.

    Best are those that are most similar by `PassageIndex.search`; the probability weighs other evidence, too, so that
    a later source may have a higher one.
    A message that no source answers may follow up what stands before it: then it is searched together with that.
    """
    if not message.stems:
        return []
    alone = _search(message, knowledge, queries_of(message.text))
    if not history or not alone or alone[0].probability >= THRESHOLD or _in_scope(message) < FOLLOW_UP_SCOPE:
        return alone
    return max(alone, _follow_up(message, knowledge, history, alone), key=lambda ranked: ranked[0].probability)


def _follow_up(
    message: MessageFeatures, knowledge: Knowledge, history: Sequence[Turn], alone: Sequence[RankedSource]
) -> list[RankedSource]:
    """Return all sources ranked together with the history; `alone` is the ranking without it."""
    found, *others = _search(message, knowledge, queries_of(message.text, history))
    sources, index = _indexed(knowledge)
    own = next(one for one in alone if one.source is found.source)
    probability = follow_up_probability(
        (max(one.score for one in alone) - own.score, index.unexplained(message.text, sources.index(found.source)))
    )
    less = [replace(one, probability=min(one.probability, probability)) for one in others]
    return [replace(found, probability=probability), *less]


def _search(message: MessageFeatures, knowledge: Knowledge, queries: Sequence[Query]) -> list[RankedSource]:
    sources, index = _indexed(knowledge)
    in_scope = _in_scope(message)
    asked = tuple(query.text for query in queries if not query.penalty)
    return [
        RankedSource(sources[match.source], answer_probability(match, in_scope), match.score, asked)
        for match in index.search(queries)
    ]


def _in_scope(message: MessageFeatures) -> float:
    return float(classifiers.scope_probability(message.encoded)[0])


def rank_by_clause(message: MessageFeatures, knowledge: Knowledge) -> list[RankedClause]:
    """Return the clauses of a message that may ask for several things, with their sources; none without sources."""
    clauses, (sources, _) = clauses_of(message.text), _indexed(knowledge)
    if len(clauses) < 2 or not sources:
        return []
    return [RankedClause(len(stems(one)), _search(message, knowledge, [Query(one)])) for one in clauses]


def select_sources(ranked: Sequence[RankedSource], customer_language: str) -> list[RankedSource]:
    """Return the sources that reach the threshold; none if the first does not, whatever the others have.

    Of sources with similar probabilities, one that claims no action comes first, then one in the customer's language.
    """
    if not ranked or ranked[0].probability < THRESHOLD:
        return []
    selected = [one for one in ranked if one.probability >= THRESHOLD]
    selected = _promoted(selected, lambda one: not one.source.may_claim_actions, CLAIM_MARGIN)
    return _promoted(selected, lambda one: language.detect(one.source.body) == customer_language, LANGUAGE_MARGIN)


def _promoted(
    ranked: list[RankedSource], is_preferred: Callable[[RankedSource], bool], margin: float
) -> list[RankedSource]:
    """Move the first preferred source to the front if it is not more than `margin` less probable than the first."""
    near = (one for one in ranked if ranked[0].probability - one.probability <= margin and is_preferred(one))
    chosen = next(near, ranked[0])
    return [chosen, *(one for one in ranked if one is not chosen)]


@lru_cache(maxsize=1)
def _indexed(knowledge: Knowledge) -> tuple[list[Source], PassageIndex]:
    """Cached by content for the searches of one draft; another account's knowledge is another key.

    Only one is held: its matrix of passages takes 24 MB with twelve articles of 10,000 characters.
    """
    sources = sources_of(knowledge)
    return sources, PassageIndex(sources)


def sources_of(knowledge: Knowledge) -> list[Source]:
    sources = [source_of(one) for one in knowledge.articles]
    sources += [Source(Citation(kind="canned_reply", title=one.title), one.content) for one in knowledge.canned_replies]
    sources += [
        # A reply that an agent preferred to a draft is better than the source of that draft.
        Source(
            Citation(kind="past_answer", title=one.question, id=one.id),
            one.answer,
            may_claim_actions=not one.instead_of_draft,
        )
        for one in knowledge.past_answers
    ]
    return sources


def source_of(article: Article) -> Source:
    return Source(
        Citation(kind="article", title=article.title, id=article.id),
        article.body,
        article.questions,
        may_claim_actions=False,
        changed_at=article.changed_at,
        encoded=article.encoded,
    )
