"""The provider that is always there: no key, no network, the same answer to the same message.

It reads meaning by vectors and a few fitted heads, and answers with the account's own articles and canned replies; what
neither speaks of it leaves to the agent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hummdesk.ai import reply, signals
from hummdesk.ai.cues import LEXICON, plain_list
from hummdesk.ai.embedding import embed
from hummdesk.ai.protocol import (
    Category,
    Classification,
    Context,
    Correction,
    Draft,
    IncomingMessage,
    Knowledge,
    Priority,
    Team,
)
from hummdesk.ai.retrieval import Passage, Shelf, questions
from hummdesk.ai.signals import Reading
from hummdesk.ai.text import plain, stems

ENOUGH = 0.5
"""Least confidence that makes an answer of a page; below it the provider abstains."""
CLOSE = 0.15
"""Confidence that a page may lack to the best one, and be taken for being in the customer's language."""
SAME = 0.85
"""Likeness from which an agent's correction of an earlier message holds for this one."""
SOURCES = 3

_TEAM_NAMES = {category: plain_list({"it": names}) for category, names in LEXICON["team_names"].items()}


class EmbeddedProvider:
    name = "embedded"

    def __init__(self) -> None:
        _classify(Reading.of("Hello"), Context())  # reads the models now: processes forked afterwards share them

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        return _classify(Reading.of(plain(message.content)), context)

    async def draft(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Draft:
        reading = Reading.of(plain(message.content))
        found = look_up(reading, knowledge)
        classification = _classify(reading, context)
        tone = reply.tone(reading.text, classification)
        answers = _answers(found, classification.language)
        if not answers:
            confidence = found[0].confidence if found else 0.0
            return Draft(content=None, confidence=round(confidence, 3), reasoning=_why_not(reading, found), tone=tone)
        best = answers[0]
        return Draft(
            content=reply.compose(
                reply.fill(reply.excerpt(best.page.body, reading.text), customer_name=message.customer_name),
                customer_name=message.customer_name,
                tone=tone,
                language=signals.language(best.page.body),
            ),
            confidence=round(best.confidence, 3),
            reasoning=f"Answered from “{best.page.title}”",
            sources=tuple(one.page.source for one in answers if one.page.source is not None)[:SOURCES],
            tone=tone,
            suggested_actions=reply.actions(
                classification, canned=best.page.title if best.page.source is None else None
            ),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """An article or a canned reply."""

    title: str
    body: str
    questions: tuple[str, ...]
    source: str | None
    """The id of an article, None for a canned reply."""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.title, f"{self.title}. {self.body}", *self.questions)


@dataclass(frozen=True, slots=True)
class Found:
    page: Page
    confidence: float


def look_up(reading: Reading, knowledge: Knowledge) -> list[Found]:
    """All pages, the likeliest to answer first; none for a message without words."""
    if not reading.stems:
        return []
    pages, shelf = _shelf(knowledge)
    asked = questions(reading.text)
    vectors = np.vstack([reading.vectors, embed(asked[1:])])
    in_scope = signals.scope(reading)
    return [Found(pages[int(match.page)], shelf.confidence(match, in_scope)) for match in shelf.search(asked, vectors)]


@lru_cache(maxsize=4)
def _shelf(knowledge: Knowledge) -> tuple[list[Page], Shelf]:
    """Kept for the next message of the same account, by all that it says: another account's is another one."""
    pages = [Page(one.title, one.body, one.questions, one.id) for one in knowledge.articles]
    pages += [Page(one.title, one.content, (), None) for one in knowledge.canned_replies]
    passages = [
        Passage(str(number), text, asked=text in page.questions)
        for number, page in enumerate(pages)
        for text in page.texts
    ]
    return pages, Shelf(passages, embed([passage.text for passage in passages]))


def _answers(found: Sequence[Found], language: str) -> list[Found]:
    """Those sure enough: articles before canned replies, the customer's language before others if it is close."""
    sure = [one for one in found if one.confidence >= ENOUGH]
    # A canned reply may claim what has not been done ("I have sent it"): it answers only where no article does.
    sure.sort(key=lambda one: one.page.source is None)
    near = [one for one in sure if sure[0].confidence - one.confidence <= CLOSE]
    own = [one for one in near if signals.language(one.page.body) == language]
    return sorted(sure, key=lambda one: one is not own[0]) if own else sure


def _why_not(reading: Reading, found: Sequence[Found]) -> str:
    if not reading.stems:
        return "The message has no words to look up"
    if not found:
        return "The account has no articles or canned replies yet"
    return f"The nearest, “{found[0].page.title}”, is too far from what the message asks"


def _classify(reading: Reading, context: Context) -> Classification:
    category, confidence = signals.category(reading)
    urgency = signals.urgency(reading)
    priority = signals.priority(urgency)
    for correction in _holding(context.corrections):
        category, confidence = correction.category or category, max(confidence, correction.similarity)
        priority = correction.priority or priority
    team = _team_for(category, context.teams)
    return Classification(
        category=category,
        priority=priority,
        urgency=_within(urgency, priority),
        sentiment=signals.sentiment(reading),
        language=reading.language,
        tags=signals.tags(reading),
        confidence=round(confidence, 3),
        suggested_team=team.id if team else None,
        suggested_agent=next((agent for agent in team.agent_ids if agent in context.online), None) if team else None,
    )


def _holding(corrections: Iterable[Correction]) -> list[Correction]:
    """The farthest first, so that the nearest one has the last word."""
    return sorted((one for one in corrections if one.similarity >= SAME), key=lambda one: one.similarity)


def _within(urgency: int, priority: Priority) -> int:
    """The nearest urgency that the priority has."""
    least = {name: start for start, name in signals.PRIORITY_FROM}
    highest = min((start - 1 for start in least.values() if start > least[priority]), default=10)
    return min(max(urgency, least[priority]), highest)


def _team_for(category: Category, teams: tuple[Team, ...]) -> Team | None:
    """The first one whose name says that it cares for such messages."""
    return next((team for team in teams if _TEAM_NAMES[category].weigh(stems(team.name))), None)
