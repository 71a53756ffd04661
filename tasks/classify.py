"""Classification of a customer's message: what it is about, how soon it matters, who should answer."""

from uuid import UUID

from hummdesk.ai.protocol import Context, IncomingMessage, Team
from hummdesk.errors import Unavailable
from hummdesk.models import Conversation
from hummdesk.storage import conversations, jobs, teams
from hummdesk.storage.database import Transaction
from hummdesk.storage.jobs import Job
from tasks.base import Found, Run, register
from tasks.child import Desk

SURE = 0.5
"""Confidence from which a message sets its conversation's priority: a mere «thanks» leaves it as it was."""


class Classification(Run):
    kind = "classification"

    async def find(self, desk: Desk, job: Job) -> Found:
        async with desk.database.account(job.account_id) as tx:
            known = tuple(Team(id=t.id, name=t.name, agent_ids=t.agent_ids) for t in await teams.teams(tx))
        context = Context(teams=known, online=await _online(desk, job.account_id))
        message = IncomingMessage(content=job.message.content, customer_name=job.message.sender_name)
        found = await desk.provider.classify(message, context)
        payload = {
            "classification": found.wire(),
            "confidence": found.confidence,
            "provider": desk.provider.name,
        }
        return Found(outcome="done", payload=payload)

    async def keep(self, tx: Transaction, job: Job, found: Found) -> Conversation | None:
        if job.assigned_to is not None:
            await jobs.add_draft(tx, job)
        conversation_id, priority = job.message.conversation_id, found.payload["classification"]["priority"]
        if found.payload["confidence"] < SURE:
            return None
        if not await conversations.set_priority(tx, conversation_id=conversation_id, priority=priority):
            return None
        return await conversations.as_staff(tx, conversation_id=conversation_id)


async def _online(desk: Desk, account_id: UUID) -> frozenset[UUID]:
    """Nobody, when Redis cannot tell: then no agent is suggested."""
    try:
        return frozenset(await desk.broadcast.online_agents(account_id))
    except Unavailable:
        return frozenset()


register(Classification())
