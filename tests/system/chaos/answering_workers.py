"""The workers of `python -m tasks` with a provider that takes little CPU time, for races about what follows a draft."""

import asyncio
import random
from collections.abc import Sequence

from hummdesk.ai import providers
from hummdesk.ai.protocol import (
    Citation,
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    Show,
    Turn,
    show_nothing,
)
from hummdesk.core.assist import Assist
from tasks.__main__ import main

DRAFT_SECONDS = 0.1


class Answering:
    """Answers every question from the first article."""

    name = "embedded"

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        return Classification(
            category="billing",
            priority="medium",
            urgency=5,
            sentiment="neutral",
            language="en",
            tags=(),
            confidence=0.9,
            priority_confidence=0.9,
        )

    async def draft(
        self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
    ) -> Draft:
        await asyncio.sleep(random.uniform(0, DRAFT_SECONDS))
        article = knowledge.articles[0]
        citation = Citation(kind="article", title=article.title, id=article.id)
        return Draft(content=article.body, confidence=0.9, reasoning="", citations=(citation,))

    async def summarize(self, conversation: Sequence[Turn]) -> str:
        return f"{len(conversation)} messages"

    async def assist(self, wanted: Assist) -> str:
        raise NotImplementedError


providers.LOCAL["embedded"] = Answering
main()
