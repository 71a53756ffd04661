"""Ranking of an account's articles, canned replies and past answers for one message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hummdesk.ai.embedded import classifiers, language
from hummdesk.ai.embedded.analysis import MessageFeatures
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.embedded.retrieval import Passage, PassageIndex, answer_probability, split_queries
from hummdesk.ai.protocol import Citation, Knowledge

THRESHOLD = 0.5
"""Least probability with which a source is used; if no source reaches it, the provider abstains."""
LANGUAGE_MARGIN = 0.15
"""How much less probable a source in the customer's language may be and still come first."""
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

    @property
    def texts(self) -> tuple[str, ...]:
        """Its passages, the same as in storage/knowledge.py."""
        title = self.citation.title
        return (title,) if self.citation.kind == "past_answer" else (title, f"{title}. {self.body}", *self.questions)


@dataclass(frozen=True, slots=True)
class RankedSource:
    source: Source
    probability: float
    """That it answers the message."""


def rank_sources(message: MessageFeatures, knowledge: Knowledge) -> list[RankedSource]:
    """Return all sources, the most probable first; none for a message without words."""
    if not message.stems:
        return []
    sources, index = _indexed(knowledge)
    queries = split_queries(message.text)
    encoded = np.vstack([message.encoded, encode(queries[1:])])
    in_scope = float(classifiers.scope_probability(message.encoded)[0])
    return [
        RankedSource(sources[int(match.source)], answer_probability(match, in_scope))
        for match in index.search(queries, encoded)
    ]


def select_sources(ranked: Sequence[RankedSource], customer_language: str) -> list[RankedSource]:
    """Return the sources that reach the threshold; none if the first does not.

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
    """Move the first preferred source to the front if it is within `margin` of the most probable one."""
    near = (one for one in ranked if ranked[0].probability - one.probability <= margin and is_preferred(one))
    chosen = next(near, ranked[0])
    return [chosen, *(one for one in ranked if one is not chosen)]


@lru_cache(maxsize=4)
def _indexed(knowledge: Knowledge) -> tuple[list[Source], PassageIndex]:
    """Cached by content for the next message of the account; another account's knowledge is another key."""
    sources = [
        Source(Citation(kind="article", title=one.title, id=one.id), one.body, one.questions, may_claim_actions=False)
        for one in knowledge.articles
    ]
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
    passages = [Passage(str(number), text) for number, source in enumerate(sources) for text in source.texts]
    return sources, PassageIndex(passages, encode([passage.text for passage in passages]))
