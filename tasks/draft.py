"""A draft of the answer to a customer's message, from what the account knows."""

from hummdesk.ai.protocol import Article, CannedReply, Context, IncomingMessage, Knowledge
from hummdesk.storage import knowledge
from hummdesk.storage.database import Transaction
from hummdesk.storage.jobs import Job
from tasks.base import Found, Run, register
from tasks.child import Desk


class Drafting(Run):
    kind = "draft"

    async def find(self, desk: Desk, job: Job) -> Found:
        async with desk.database.account(job.account_id) as tx:
            known = await _knowledge(tx)
        message = IncomingMessage(content=job.message.content, customer_name=job.message.sender_name)
        draft = await desk.provider.draft(message, Context(), known)
        payload = {
            "draft": draft.wire(),
            "confidence": draft.confidence,
            "reasoning": draft.reasoning,
            "sources": list(draft.sources),
            "based_on_seq": job.message.seq,
            "assigned_to": str(job.assigned_to) if job.assigned_to else None,
            "provider": desk.provider.name,
        }
        return Found(outcome=draft.outcome, payload=payload)


async def _knowledge(tx: Transaction) -> Knowledge:
    articles = [
        Article(id=str(article.id), title=article.title, body=article.body, questions=tuple(article.questions))
        for article in await knowledge.articles(tx)
    ]
    canned = [CannedReply(title=reply.title, content=reply.content) for reply in await knowledge.canned_replies(tx)]
    return Knowledge(articles=tuple(articles), canned_replies=tuple(canned))


register(Drafting())
