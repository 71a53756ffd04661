"""A draft of the answer to what a customer has written since the last reply, from what the account knows."""

from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar
from uuid import UUID

from hummdesk.ai.protocol import Article, CannedReply, Context, IncomingMessage, Knowledge, Turn
from hummdesk.storage import knowledge
from hummdesk.storage.database import Transaction
from hummdesk.storage.jobs import Job, Kind
from tasks.base import Find, Found, Run, register
from tasks.child import Desk


class Drafting(Run):
    kind: ClassVar[Kind] = "draft"
    turns = 20

    async def prepare(self, desk: Desk, going: Sequence[Job]) -> Find:
        known: dict[UUID, Knowledge] = {}
        for account_id in {job.account_id for job in going}:
            async with desk.database.account(account_id) as tx:
                known[account_id] = await _knowledge(tx)

        async def find(job: Job) -> Found:
            message, context = asked(job)
            advice = await desk.adviser.ask(
                job, lambda provider: provider.draft(message, context, known[job.account_id])
            )
            draft = advice.value
            payload = {
                "draft": draft.wire(),
                "confidence": draft.confidence,
                "reasoning": draft.reasoning,
                "sources": list(draft.sources),
                "based_on_seq": job.message.seq,
                "assigned_to": str(job.assigned_to) if job.assigned_to else None,
                **advice.marks,
            }
            return Found(outcome=draft.outcome, payload=payload)

        return find


def asked(job: Job) -> tuple[IncomingMessage, Context]:
    """All that the customer has said since anybody answered, as one message, and what was said before."""
    burst = list(takewhile(lambda turn: turn.sender == "customer", reversed(job.history)))[::-1]
    before = job.history[: len(job.history) - len(burst)]
    content = "\n\n".join([*(turn.content for turn in burst), job.message.content])
    history = tuple(Turn(sender=turn.sender, content=turn.content) for turn in before)
    return IncomingMessage(content=content, customer_name=job.message.sender_name), Context(history=history)


async def _knowledge(tx: Transaction) -> Knowledge:
    articles = [
        Article(id=str(article.id), title=article.title, body=article.body, questions=tuple(article.questions))
        for article in await knowledge.articles(tx)
    ]
    canned = [CannedReply(title=reply.title, content=reply.content) for reply in await knowledge.canned_replies(tx)]
    return Knowledge(articles=tuple(articles), canned_replies=tuple(canned))


register(Drafting())
