"""Classification of a customer's message: what it is about, how soon it matters, who should answer."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from hummdesk.ai.protocol import Context, IncomingMessage, Team, Turn
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import RunKind
from hummdesk.storage import corrections as corrected
from hummdesk.storage import teams
from hummdesk.storage.database import Transaction
from hummdesk.storage.runs import ClaimedRun
from tasks import similar_corrections
from tasks.context import WorkerContext
from tasks.run import Find, Found, Run, register

SURE = 0.5
"""Confidence from which a message sets its conversation's priority."""


class Classification(Run):
    kind: ClassVar[RunKind] = "classification"
    turns = 6

    async def prepare(self, worker: WorkerContext, going: Sequence[ClaimedRun]) -> Find:
        accounts = {job.account_id for job in going}
        async with worker.database.accounts(accounts) as tx:
            known = await _teams(tx, accounts)
            skills = await teams.skills(tx, accounts)
            versions = await corrected.versions(tx, accounts)
        online = await _online(worker, known.keys() | skills.keys())
        nearest = await similar_corrections.nearest(worker, going, versions)

        async def find(job: ClaimedRun) -> Found:
            context = Context(
                teams=tuple(known.get(job.account_id, ())),
                online=online.get(job.account_id, frozenset()),
                skills=skills.get(job.account_id, {}),
                history=tuple(Turn(sender=turn.sender, content=turn.content) for turn in job.history),
                corrections=nearest.get(job.id, ()),
            )
            message = IncomingMessage(content=job.message.content, customer_name=job.message.sender_name)
            advice = await worker.adviser.ask(job, lambda provider: provider.classify(message, context))
            found = advice.value
            payload = {"classification": found.wire(), "confidence": found.confidence, **advice.marks}
            says_nothing = found.category == "general" and found.priority == "low"  # a mere «thanks»
            telling = found.confidence >= SURE and not says_nothing
            return Found(outcome="done", payload=payload, priority=found.priority if telling else None)

        return find


async def _teams(tx: Transaction, accounts: Iterable[UUID]) -> dict[UUID, list[Team]]:
    """By account; without those that have none."""
    known: dict[UUID, list[Team]] = {}
    for team in await teams.teams(tx, accounts):
        known.setdefault(team.account_id, []).append(Team(id=team.id, name=team.name, agent_ids=team.agent_ids))
    return known


async def _online(worker: WorkerContext, accounts: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Nobody, when Redis cannot tell: then no agent is suggested."""
    wanted = list(accounts)
    try:
        statuses = await asyncio.gather(*(worker.broadcast.online_agents(account_id) for account_id in wanted))
    except Unavailable:
        return {}
    return {account_id: frozenset(found) for account_id, found in zip(wanted, statuses, strict=True)}


register(Classification())
