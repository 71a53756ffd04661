"""Classification runs: category, priority and suggested team or agent of a customer's message."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from hummdesk.ai.protocol import Classification, Context, Correction, IncomingMessage, Team, Turn
from hummdesk.core.categories import GENERAL, OwnCategory, keys_of
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import RunKind
from hummdesk.storage import corrections as corrected
from hummdesk.storage import teams
from hummdesk.storage.categories import Categories
from hummdesk.storage.runs import ClaimedRun
from tasks import own_categories, similar_corrections
from tasks.context import WorkerContext
from tasks.run_handler import Answer, RunHandler, RunResult, register

PRIORITY_CONFIDENCE = 0.4
"""Minimum confidence of a priority that is set for its conversation."""


class ClassificationHandler(RunHandler):
    kind: ClassVar[RunKind] = "classification"
    history_limit = 6

    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        account_ids = {run.account_id for run in claimed}
        tx = worker.database.autocommit(account_ids)  # one round trip for what is asked at the same time
        known_teams, described, skills, versions = await asyncio.gather(
            teams.teams(tx, account_ids),
            teams.described(tx, account_ids),
            teams.skills(tx, account_ids),
            corrected.versions(tx, account_ids),
        )
        teams_of = _by_account(known_teams, described)
        online = await _online(worker, teams_of.keys() | skills.keys())
        categories = await own_categories.used(worker, claimed)
        nearest = await similar_corrections.nearest(worker, claimed, versions)

        async def answer(run: ClaimedRun) -> RunResult:
            own = categories.get(run.account_id, Categories())
            context = Context(
                teams=tuple(teams_of.get(run.account_id, ())),
                online=online.get(run.account_id, frozenset()),
                skills=skills.get(run.account_id, {}),
                history=tuple(Turn(sender=earlier.sender, content=earlier.content) for earlier in run.history),
                corrections=_of_known(nearest.get(run.id, ()), own.used),
                categories=own.used,
                tags=own.tags,
            )
            message = IncomingMessage(content=run.message.content, customer_name=run.message.sender_name)
            answered = await worker.providers.ask(run, lambda provider: provider.classify(message, context))
            found = answered.value
            payload = {"classification": found.wire(), "confidence": found.confidence, **answered.source}
            return RunResult(outcome="done", payload=payload, priority=_new_priority(found))

        return answer


def _of_known(corrections: Iterable[Correction], own: Sequence[OwnCategory]) -> tuple[Correction, ...]:
    """Leave out the categories that the account does not have any more."""
    known = keys_of(own)
    found = (one if one.category in known else replace(one, category=None) for one in corrections)
    return tuple(one for one in found if one.category or one.priority)


def _new_priority(found: Classification) -> str | None:
    """None also for a message without content of its own, such as "thanks"."""
    is_empty = found.priority == "low" and (found.category == GENERAL or found.is_unknown)
    return found.priority if found.priority_confidence >= PRIORITY_CONFIDENCE and not is_empty else None


def _by_account(known: Iterable[teams.Team], described: Mapping[UUID, teams.TeamTexts]) -> dict[UUID, list[Team]]:
    """Return the teams by account, without accounts that have none."""
    found: dict[UUID, list[Team]] = {}
    for one in known:
        team = Team(id=one.id, name=one.name, agent_ids=one.agent_ids)
        if texts := described.get(one.id):
            team = replace(team, description=texts.description, examples=texts.examples)
        found.setdefault(one.account_id, []).append(team)
    return found


async def _online(worker: WorkerContext, account_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Agents by account who are online, neither away nor busy; none while Redis is unavailable.

    Only these are suggested.
    """
    ids = list(account_ids)
    try:
        agents = await asyncio.gather(*(worker.broadcast.get_available_agents(account_id) for account_id in ids))
    except Unavailable:
        return {}
    return dict(zip(ids, agents, strict=True))


register(ClassificationHandler())
