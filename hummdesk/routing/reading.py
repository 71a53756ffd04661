"""Read the inputs of a decision."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from uuid import UUID

from hummdesk.bus.presence import Status
from hummdesk.routing.absences import Absences
from hummdesk.routing.decision import (
    BATCH,
    MICROSECONDS,
    RANKS,
    Candidate,
    Case,
    Decision,
    Held,
    Order,
    Policy,
    Priority,
    Snapshot,
    considered,
    decide,
)
from hummdesk.storage import routing
from hummdesk.storage.database import Transaction
from hummdesk.storage.routing import AllSettings, QueueCursor, Start, Waiting

PAGES = (BATCH, 1000)
"""Conversations of a queue in the first page, and in each further one while agents are free."""
SKIPPED = 100
"""Conversations that a record keeps of those that were passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision, and the part of the snapshot from which it can be made again."""

    snapshot: Snapshot
    decision: Decision


async def decided(
    tx: Transaction, start: Start, found: AllSettings, statuses: Mapping[UUID, Status], *, absences: Absences | None
) -> Decided:
    """Read queues page by page while an agent is free, and decide; with `absences`, also on those that go back."""
    snapshot = Snapshot(now=start.now, number=start.last_number + 1, policies=_policies(found), deserted=start.deserted)
    present = {agent_id: status for agent_id, status in statuses.items() if status != "offline"}
    snapshot = replace(snapshot, candidates=await _candidates(tx, snapshot, present))
    if absences is not None:
        snapshot = replace(snapshot, held=await _held(tx, snapshot, present, absences))
    return await _decided_by_pages(tx, start, snapshot)


def _policies(found: AllSettings) -> dict[UUID | None, Policy]:
    account = found.account
    common = Policy(
        mode=account.mode,
        capacity=account.capacity,
        skills_wait_seconds=account.skills_wait_seconds,
        answer_seconds=account.answer_seconds,
        offline_seconds=account.offline_seconds,
    )
    policies: dict[UUID | None, Policy] = {None: common}
    for team in found.teams:
        policies[team.team_id] = replace(
            common,
            mode=team.mode or common.mode,
            capacity=common.capacity if team.capacity is None else team.capacity,
        )
    return policies


async def _candidates(tx: Transaction, snapshot: Snapshot, present: Mapping[UUID, Status]) -> tuple[Candidate, ...]:
    most = max(policy.capacity for policy in snapshot.policies.values())
    return tuple(
        Candidate(
            agent_id=agent.id,
            status=present[agent.id],
            load=agent.load,
            capacity=agent.capacity,
            skills=agent.skills,
            team_ids=agent.team_ids,
            turn=agent.turn,
        )
        for agent in await routing.agents(tx, present, most=most)
    )


async def _held(
    tx: Transaction, snapshot: Snapshot, present: Mapping[UUID, Status], absences: Absences
) -> tuple[Held, ...]:
    """Assigned conversations whose customers wait. An agent is offline since it was seen to be absent, or later."""
    with_present = any(policy.answer_seconds for policy in snapshot.policies.values())
    found = await routing.held(tx, present, with_present=with_present)
    absent = absences.update({one.agent_id for one in found if one.offline_since is not None}, now=snapshot.now)
    return tuple(
        Held(
            conversation_id=one.id,
            team_id=one.team_id,
            agent_id=one.agent_id,
            offline_since=None if one.offline_since is None else max(one.offline_since, absent[one.agent_id]),
            waits_since=one.waits_since,
        )
        for one in found
    )


async def _decided_by_pages(tx: Transaction, start: Start, snapshot: Snapshot) -> Decided:
    """Decide about a page of each queue, and about the next ones of those for which an agent is still free."""
    queues: dict[UUID | None, QueueCursor | None] = dict.fromkeys(_queues(snapshot))
    read: list[Case] = []
    limit, larger = PAGES
    while True:
        page = await _page(tx, queues, start, snapshot, limit) if queues else []
        read += [case for case, _ in page]
        continued = _continued(page, limit)
        ends = {team_id: _last(page, team_id) for team_id in continued}
        decision = decide(replace(snapshot, cases=tuple(read)), ends=ends)
        queues = {team_id: continued[team_id] for team_id in decision.unfinished}
        if not queues or len(decision.choices) >= BATCH:
            kept = considered(read, decision.choices, most_skipped=SKIPPED)
            return Decided(snapshot=_needed(replace(snapshot, cases=kept), decision), decision=decision)
        limit = larger


def _queues(snapshot: Snapshot) -> list[UUID | None]:
    """The queues that are routed and have an agent who is free."""
    found: list[UUID | None] = []
    free = [
        (team_id, one)
        for one in snapshot.candidates
        for team_id in (None, *one.team_ids, *snapshot.deserted)
        if snapshot.policy(team_id).mode != "off" and one.is_free(snapshot.policy(team_id))
    ]
    for team_id, _ in free:
        if team_id not in found:
            found.append(team_id)
    return found


async def _page(
    tx: Transaction, queues: Mapping[UUID | None, QueueCursor | None], start: Start, snapshot: Snapshot, limit: int
) -> list[tuple[Case, Waiting]]:
    rows = await routing.waiting(tx, queues.items(), with_skills=bool(start.skills), limit=limit)
    return [(_case(row, start, snapshot), row) for row in rows]


def _case(row: Waiting, start: Start, snapshot: Snapshot) -> Case:
    asked = {skill for skill in (row.category, row.language) if skill is not None}
    return Case(
        conversation_id=row.id,
        team_id=row.team_id,
        priority=cast(Priority, row.priority),
        since=row.since,
        needs=frozenset(asked & start.skills),
        is_classifying=row.is_classifying,
        returned_from=_returned_from(row, start, snapshot.policy(row.team_id)),
    )


def _returned_from(row: Waiting, start: Start, policy: Policy) -> UUID | None:
    """The agent from whom it was taken less than the time for an answer ago."""
    if row.last_at is None or row.last_rule == "routing":
        return None
    return row.last_agent if start.now - row.last_at < policy.answer_seconds * MICROSECONDS else None


def _continued(page: list[tuple[Case, Waiting]], limit: int) -> dict[UUID | None, QueueCursor | None]:
    """The queues whose page is full, with the cursor after which they continue."""
    numbers = Counter(case.team_id for case, _ in page)
    cursors: dict[UUID | None, QueueCursor | None] = {}
    for case, row in page:
        if numbers[case.team_id] >= limit:
            cursors[case.team_id] = RANKS[case.priority], row.position_at, row.id
    return cursors


def _last(page: list[tuple[Case, Waiting]], team_id: UUID | None) -> Order:
    return max(case.order for case, _ in page if case.team_id == team_id)


def _needed(snapshot: Snapshot, decision: Decision) -> Snapshot:
    """Without the assigned conversations that stay with their agents."""
    taken = {choice.conversation_id for choice in decision.choices}
    return replace(snapshot, held=tuple(one for one in snapshot.held if one.conversation_id in taken))
