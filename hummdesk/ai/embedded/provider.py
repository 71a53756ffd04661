"""The provider that is always there: no key, no network, the same answer to the same message.

It reads meaning by vectors and a few fitted heads, and answers with the account's own articles, canned replies and past
answers; what none of these speaks of it leaves to the agent.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hummdesk.ai import reply, routing
from hummdesk.ai.embedded import analysis, classifiers
from hummdesk.ai.embedded.analysis import Reading
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.embedded.retrieval import Passage, Shelf, confidence, questions
from hummdesk.ai.inference_batching import inference_batcher
from hummdesk.ai.protocol import (
    Citation,
    Classification,
    Context,
    Correction,
    Draft,
    IncomingMessage,
    Knowledge,
    Priority,
    SourceKind,
)
from hummdesk.ai.text import plain

ENOUGH = 0.5
"""Least confidence that makes an answer of a page; below it the provider abstains."""
CLOSE = 0.15
"""Confidence that a page may lack to the best one, and be taken for being in the customer's language."""
CLAIMS = 0.25
"""Confidence that a page may lack to the best one, and be taken because that may claim what was not done."""
SAME = 0.85
"""Likeness from which an agent's correction of an earlier message holds for this one."""
SOURCES = 3
ANSWERED: dict[SourceKind, str] = {
    "article": "Answered from",
    "canned_reply": "Answered from",
    "past_answer": "As an agent has answered",
}


class EmbeddedProvider:
    name = "embedded"

    def __init__(self) -> None:
        _classify(Reading.of("Hello"), Context())  # reads the models now: processes forked afterwards share them
        self._readings = inference_batcher(Reading.of_all)

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        return _classify(await self._readings.submit(plain(message.content)), context)

    async def draft(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Draft:
        reading = await self._readings.submit(plain(message.content))
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
                language=analysis.language(best.page.body),
            ),
            confidence=round(best.confidence, 3),
            reasoning=f"{ANSWERED[best.page.cited.kind]} “{best.page.cited.title}”",
            citations=tuple(one.page.cited for one in answers[:SOURCES]),
            tone=tone,
            suggested_actions=reply.actions(classification, best.page.cited),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """An article, a canned reply or a past answer."""

    cited: Citation
    body: str
    questions: tuple[str, ...] = ()
    claims: bool = True
    """It may say that something was done ("I have sent it") which was not, for this customer."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What it is found by, as in storage/knowledge.py."""
        title = self.cited.title
        return (title,) if self.cited.kind == "past_answer" else (title, f"{title}. {self.body}", *self.questions)


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
    encoded = np.vstack([reading.encoded, encode(asked[1:])])
    in_scope = float(classifiers.scope(reading.encoded)[0])
    return [Found(pages[int(match.page)], confidence(match, in_scope)) for match in shelf.search(asked, encoded)]


@lru_cache(maxsize=4)
def _shelf(knowledge: Knowledge) -> tuple[list[Page], Shelf]:
    """Kept for the next message of the same account, by all that it says: another account's is another one."""
    pages = [
        Page(Citation(kind="article", title=one.title, id=one.id), one.body, one.questions, claims=False)
        for one in knowledge.articles
    ]
    pages += [Page(Citation(kind="canned_reply", title=one.title), one.content) for one in knowledge.canned_replies]
    pages += [
        # What an agent has sent in place of a draft is better than what the draft was made of.
        Page(Citation(kind="past_answer", title=one.question, id=one.id), one.answer, claims=not one.instead_of_draft)
        for one in knowledge.past_answers
    ]
    passages = [Passage(str(number), text) for number, page in enumerate(pages) for text in page.texts]
    return pages, Shelf(passages, encode([passage.text for passage in passages]))


def _answers(found: Sequence[Found], language: str) -> list[Found]:
    """Those sure enough, if the likeliest is; of two that are about as sure, what claims nothing comes first, and
    what is in the customer's language.
    """
    if not found or found[0].confidence < ENOUGH:
        return []
    sure = [one for one in found if one.confidence >= ENOUGH]
    sure = _ahead(sure, lambda one: not one.page.claims, CLAIMS)
    return _ahead(sure, lambda one: analysis.language(one.page.body) == language, CLOSE)


def _ahead(pages: list[Found], wanted: Callable[[Found], bool], worth: float) -> list[Found]:
    """With the first that is wanted ahead, if it is less sure than the first of all by no more than it is worth."""
    near = (one for one in pages if pages[0].confidence - one.confidence <= worth and wanted(one))
    chosen = next(near, pages[0])
    return [chosen, *(one for one in pages if one is not chosen)]


def _why_not(reading: Reading, found: Sequence[Found]) -> str:
    if not reading.stems:
        return "The message has no words to look up"
    if not found:
        return "The account has no articles, canned replies or past answers yet"
    return f"The nearest, “{found[0].page.cited.title}”, is too far from what the message asks"


def _classify(reading: Reading, context: Context) -> Classification:
    category, confidence = analysis.category(reading)
    urgency = analysis.urgency(reading)
    priority = analysis.priority(urgency)
    for correction in _holding(context.corrections):
        category, confidence = correction.category or category, max(confidence, correction.similarity)
        priority = correction.priority or priority
    team = routing.team_for(category, context)
    agent = routing.agent_for(team, category=category, language=reading.language, context=context)
    return Classification(
        category=category,
        priority=priority,
        urgency=_within(urgency, priority),
        sentiment=analysis.sentiment(reading),
        language=reading.language,
        tags=analysis.tags(reading),
        confidence=round(confidence, 3),
        suggested_team=team.id if team else None,
        suggested_agent=agent,
    )


def _holding(corrections: Iterable[Correction]) -> list[Correction]:
    """The farthest first, so that the nearest one has the last word."""
    return sorted((one for one in corrections if one.similarity >= SAME), key=lambda one: one.similarity)


def _within(urgency: int, priority: Priority) -> int:
    """The nearest urgency that the priority has."""
    least = {name: start for start, name in analysis.PRIORITY_FROM}
    highest = min((start - 1 for start in least.values() if start > least[priority]), default=10)
    return min(max(urgency, least[priority]), highest)
