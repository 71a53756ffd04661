"""The provider that is always there: no key, no network, the same answer to the same message.

It reads cue words, and answers with the account's own articles and canned replies; what neither speaks of it leaves to
the agent.
"""

from dataclasses import dataclass

from hummdesk.ai import reply, signals
from hummdesk.ai.cues import LEXICON, plain_list
from hummdesk.ai.protocol import Category, Classification, Context, Draft, IncomingMessage, Knowledge, Team
from hummdesk.ai.retrieval import Page, Shelf
from hummdesk.ai.text import plain, stems

ENOUGH = 0.5
"""Least confidence that makes an answer of a page; below it the provider abstains."""

SOURCES = 3

_TEAM_NAMES = {category: plain_list({"it": names}) for category, names in LEXICON["team_names"].items()}


class EmbeddedProvider:
    name = "embedded"

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        return _classify(plain(message.content), context)

    async def draft(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Draft:
        text = plain(message.content)
        found = _look_up(text, knowledge)
        answers = [one for one in found if one.confidence >= ENOUGH]
        # A canned reply may claim what has not been done ("I have sent it"): it answers only where no article does.
        answers.sort(key=lambda one: one.source is None)
        classification = _classify(text, context)
        tone = reply.tone(text, classification)
        if not answers:
            confidence = found[0].confidence if found else 0.0
            return Draft(content=None, confidence=round(confidence, 3), reasoning=_why_not(text, found), tone=tone)
        best = answers[0]
        return Draft(
            content=reply.compose(
                reply.excerpt(best.page.body, text),
                customer_name=message.customer_name,
                tone=tone,
                language=signals.language(best.page.body),
            ),
            confidence=round(best.confidence, 3),
            reasoning=f"Answered from “{best.page.title}”",
            sources=tuple(one.source for one in answers if one.source is not None)[:SOURCES],
            tone=tone,
            suggested_actions=reply.actions(classification, canned=best.page.title if best.source is None else None),
        )


@dataclass(frozen=True, slots=True)
class _Found:
    page: Page
    source: str | None
    """The id of an article, None for a canned reply."""
    confidence: float


def _look_up(text: str, knowledge: Knowledge) -> list[_Found]:
    """What shares words with the text, the likeliest first."""
    shelf: list[tuple[Page, str | None]] = []
    shelf += [(Page(article.title, article.body, article.questions), article.id) for article in knowledge.articles]
    shelf += [(Page(canned.title, canned.content), None) for canned in knowledge.canned_replies]
    return [_Found(*shelf[match.number], match.confidence) for match in Shelf(page for page, _ in shelf).search(text)]


def _why_not(text: str, found: list[_Found]) -> str:
    if not stems(text):
        return "The message has no words to look up"
    if not found:
        return "No article or canned reply shares a word with the message"
    return f"The nearest, “{found[0].page.title}”, is too far from what the message asks"


def _classify(text: str, context: Context) -> Classification:
    found = stems(text)
    language = signals.language(text)
    category, confidence = signals.category(found)
    sentiment = signals.sentiment(text, found, language)
    urgency = signals.urgency(text, found, category, sentiment)
    team = _team_for(category, context.teams)
    return Classification(
        category=category,
        priority=signals.priority(urgency),
        urgency=urgency,
        sentiment=sentiment,
        language=language,
        tags=signals.tags(found),
        confidence=round(confidence, 3),
        suggested_team=team.id if team else None,
        suggested_agent=next((agent for agent in team.agent_ids if agent in context.online), None) if team else None,
    )


def _team_for(category: Category, teams: tuple[Team, ...]) -> Team | None:
    """The first one whose name says that it cares for such messages."""
    return next((team for team in teams if _TEAM_NAMES[category].weigh(stems(team.name))), None)
