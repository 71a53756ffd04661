"""Moves of conversations between queues, agents and teams, each logged and with an outbox entry.

An open conversation without an agent waits in the queue of its team, or of the account. A move never changes since when
its customer waits. What a move publishes is made from its entry in the log, by the process that made it or the relay.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.errors import Conflict, Forbidden, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Conversation, Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("moves")

Rule = Literal["claim", "release", "transfer", "assignment", "routing", "offline", "unanswered", "disabled"]
"""Why a conversation was moved."""

LEAVE_BATCH = 500

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The assignment and status of a conversation, and the time of its last change."""

    agent_id: UUID | None
    team_id: UUID | None
    status: str
    at: datetime
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """An entry of the log of a conversation."""

    account_id: UUID
    id: UUID
    """Also of the outbox entry."""
    conversation_id: UUID
    kind: str
    actor_id: UUID | None
    """None: the system."""
    details: Mapping[str, Any]
    at: datetime
    names: Mapping[str, str]
    """By id, of the users, teams and API keys that still exist."""

    def id_of(self, detail: str) -> UUID | None:
        value = self.details.get(detail)
        return None if value is None else UUID(value)

    def name_of(self, subject_id: UUID | None) -> str | None:
        return self.names.get(str(subject_id))


async def assign(
    tx: Transaction,
    *,
    actor: Person,
    conversation_id: UUID,
    agent_id: UUID | None,
    team_id: UUID | None,
    note_id: UUID | None = None,
) -> LoggedChange | None:
    """Assign to an agent and a team or none, or, without an agent, move to the queue of a team.

    Return None for a conversation that waits in that queue already; an assignment to the agent who has it is logged
    again. Raises NotFound for an unknown conversation, agent or team, Invalid for an agent who cannot answer or is not
    a member of the team, and for a team without an active agent.
    """
    candidates = await _candidates(tx, agent_id=agent_id, team_id=team_id)
    if not candidates.are_known:
        raise NotFound
    if faults := candidates.faults("agentId"):
        raise Invalid(details=faults)
    holder = await lock(tx, conversation_id)
    return await _move(tx, actor, conversation_id, holder, agent_id=agent_id, team_id=team_id, note_id=note_id)


async def claim(tx: Transaction, *, actor: Person, conversation_id: UUID) -> tuple[Holder, LoggedChange | None]:
    """Assign a conversation that nobody has to the actor, with its team; None if the actor has it already.

    Raises NotFound, Forbidden for an actor who cannot answer any more or an erased conversation, and Conflict for a
    closed one, or with the agent who has it.
    """
    row = await queries.agent(tx, agent_id=actor.id)
    if row is None or not row["can_answer"]:
        raise Forbidden
    holder = await lock(tx, conversation_id)
    if holder.agent_id == actor.id:
        return holder, None
    if holder.agent_id is not None:
        raise Conflict("Another agent has the conversation", details={"assignedTo": str(holder.agent_id)})
    if holder.erased:
        raise Forbidden("The conversation was erased")
    if holder.status == "closed":
        raise Conflict("The conversation is closed; reopen it first", details={"status": "closed"})
    moved = await _write(tx, actor, conversation_id, agent_id=actor.id, team_id=holder.team_id, rule="claim")
    return holder, moved


async def release(tx: Transaction, *, actor: Person, conversation_id: UUID) -> LoggedChange:
    """Take a conversation from its agent, who is the actor unless that is an admin; its team remains.

    Raises NotFound, Forbidden for the conversation of another agent, Conflict if no agent is assigned.
    """
    holder = await lock(tx, conversation_id)
    if holder.agent_id is None:
        raise Conflict("No agent is assigned")
    if actor.role != "admin" and holder.agent_id != actor.id:
        raise Forbidden("Only the assigned agent or an admin releases a conversation")
    return await _write(tx, actor, conversation_id, agent_id=None, team_id=holder.team_id, rule="release")


async def unassign(tx: Transaction, *, actor: Person, conversation_id: UUID, reason: str | None) -> LoggedChange:
    """Remove the assignment to agent and team. Raises NotFound, Conflict if no agent is assigned."""
    holder = await lock(tx, conversation_id)
    if holder.agent_id is None:
        raise Conflict("No agent is assigned")
    return await _write(tx, actor, conversation_id, agent_id=None, team_id=None, rule="release", reason=reason)


async def change(
    tx: Transaction,
    *,
    actor: Person,
    before: Conversation,
    changes: Mapping[str, Any],
    note_id: UUID | None = None,
) -> LoggedChange | None:
    """Change `assignedTo` and `teamId` of a locked conversation as far as they are given; None if nothing changes.

    `assignedTo` null removes the team as well, unless one is given. A team that is not given remains if it is active
    and the agent is a member; a given team keeps an agent who is a member, and otherwise gets the conversation in its
    queue. Raises Invalid for an agent or a team that cannot be assigned.
    """
    agent_id: UUID | None = changes.get("assignedTo", before.assigned_to)
    team_id: UUID | None = changes.get("teamId", before.assigned_team)
    if agent_id is None and "teamId" not in changes:
        team_id = None
    if (agent_id, team_id) == (before.assigned_to, before.assigned_team) and note_id is None:
        return None
    candidates = await _candidates(tx, agent_id=agent_id, team_id=team_id)
    is_kept = candidates.is_member and (candidates.has_team or "teamId" in changes)
    if agent_id and team_id and not is_kept and not {"assignedTo", "teamId"} <= changes.keys():
        agent_id, team_id = (agent_id, None) if "assignedTo" in changes else (None, team_id)
        candidates = await _candidates(tx, agent_id=agent_id, team_id=team_id)
    if faults := candidates.faults("assignedTo"):
        raise Invalid(details=faults)
    holder = await lock(tx, before.id)
    reason = changes.get("reason")
    return await _move(tx, actor, before.id, holder, agent_id=agent_id, team_id=team_id, note_id=note_id, reason=reason)


async def lock_candidates(tx: Transaction, *, agent_id: UUID | None, team_id: UUID | None) -> None:
    """Lock an agent and a team, if they exist, before a conversation that they may get: always in this order."""
    await _candidates(tx, agent_id=agent_id, team_id=team_id)


async def lock(tx: Transaction, conversation_id: UUID) -> Holder:
    """Lock a conversation until the transaction ends; return who has it. Raises NotFound."""
    row = await queries.lock(tx, conversation_id=conversation_id)
    if row is None:
        raise NotFound
    return Holder(**row)


async def lock_teams(tx: Transaction, team_ids: Collection[UUID]) -> None:
    """Lock teams until the transaction ends, after users and before conversations."""
    if team_ids:
        [_ async for _ in queries.lock_teams(tx, team_ids=list(team_ids))]


async def leave_team(tx: Transaction, actor: Person | None, team_id: UUID) -> list[LoggedChange]:
    """Move all conversations that wait in the queue of a team to that of the account."""
    actor_type = "system" if actor is None else actor.actor_type
    keys: list[tuple[UUID, UUID]] = []
    while True:
        rows = queries.leave_team(
            tx, team_id=team_id, actor_id=actor and actor.id, actor_type=actor_type, limit=LEAVE_BATCH
        )
        batch = [(row["conversation_id"], row["id"]) async for row in rows]
        keys += batch
        if len(batch) < LEAVE_BATCH:
            return await logged(tx, keys)


async def leave_deserted(tx: Transaction, actor: Person | None, team_ids: Collection[UUID]) -> list[LoggedChange]:
    """Move the waiting conversations of those locked teams that have no active agent to the queue of the account."""
    if not team_ids:
        return []
    deserted = [row["id"] async for row in queries.deserted(tx, team_ids=list(team_ids))]
    return [one for team_id in deserted for one in await leave_team(tx, actor, team_id)]


async def logged(tx: Transaction, keys: Collection[tuple[UUID, UUID]]) -> list[LoggedChange]:
    """Entries of the log by conversation and id, oldest first; unknown ones are left out."""
    if not keys:
        return []
    conversation_ids, ids = zip(*keys, strict=True)
    rows = queries.logged(tx, conversation_ids=list(set(conversation_ids)), ids=list(ids))
    return await _named(tx, [row async for row in rows])


async def lines(
    tx: Transaction,
    *,
    viewer: Person,
    conversation_id: UUID,
    limit: int,
    since: datetime = EARLIEST,
    before_seq: int = 0,
) -> list[LoggedChange]:
    """The newest changes that a viewer may be shown between the messages, oldest first.

    They are those since a time, and before the message `before_seq` if it exists.
    """
    rows = queries.lines(
        tx,
        conversation_id=conversation_id,
        only_moves=not viewer.is_staff,
        since=since,
        before_seq=before_seq,
        limit=limit,
    )
    return await _named(tx, [row async for row in rows][::-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """Whether an agent and a team can get a conversation; what is not asked for can."""

    are_known: bool
    can_answer: bool
    has_team: bool
    is_member: bool
    has_agents: bool

    def faults(self, agent_field: str) -> dict[str, list[str]]:
        if not self.can_answer:
            return {agent_field: ["Not an active agent or admin."]}
        if not self.has_team:
            return {"teamId": ["Not an active team."]}
        if not self.is_member:
            return {agent_field: ["Not a member of the team."]}
        return {} if self.has_agents else {"teamId": ["No active agent or admin is a member of the team."]}


async def _candidates(tx: Transaction, *, agent_id: UUID | None, team_id: UUID | None) -> _Candidates:
    agent = {"can_answer": True} if agent_id is None else await queries.agent(tx, agent_id=agent_id)
    anything = {"active": True, "has_agent": True, "can_answer": True}
    team = anything if team_id is None else await queries.team(tx, team_id=team_id, agent_id=agent_id)
    return _Candidates(
        are_known=agent is not None and team is not None and team["active"],
        can_answer=agent is not None and agent["can_answer"],
        has_team=team is not None and team["active"],
        is_member=team is not None and (agent_id is None or team["has_agent"]),
        has_agents=team is not None and (agent_id is not None or team["can_answer"]),
    )


async def _move(
    tx: Transaction,
    actor: Person,
    conversation_id: UUID,
    holder: Holder,
    *,
    agent_id: UUID | None,
    team_id: UUID | None,
    note_id: UUID | None,
    reason: str | None = None,
) -> LoggedChange | None:
    if agent_id is None and (holder.agent_id, holder.team_id) == (None, team_id) and note_id is None:
        return None
    rule = _rule(holder, agent_id, team_id)
    return await _write(
        tx, actor, conversation_id, agent_id=agent_id, team_id=team_id, rule=rule, reason=reason, note_id=note_id
    )


def _rule(holder: Holder, agent_id: UUID | None, team_id: UUID | None) -> Rule:
    """Nobody's conversation is assigned, also to a team; that of an agent or team is transferred, or released."""
    if (agent_id, team_id) == (None, None):
        return "release"
    from_team = holder.team_id is not None and team_id not in (None, holder.team_id)
    from_agent = holder.agent_id is not None and holder.agent_id != agent_id
    return "transfer" if from_agent or from_team else "assignment"


async def _write(
    tx: Transaction,
    actor: Person,
    conversation_id: UUID,
    *,
    agent_id: UUID | None,
    team_id: UUID | None,
    rule: Rule,
    reason: str | None = None,
    note_id: UUID | None = None,
) -> LoggedChange:
    event_id = new_id()
    await queries.move(
        tx,
        conversation_id=conversation_id,
        agent_id=agent_id,
        team_id=team_id,
        rule=rule,
        reason=reason or None,
        note_id=note_id,
        actor_id=actor.id,
        actor_type=actor.actor_type,
        event_id=event_id,
    )
    [written] = await logged(tx, [(conversation_id, event_id)])
    return written


async def _named(tx: Transaction, rows: Sequence[dict[str, Any]]) -> list[LoggedChange]:
    """Log entries with the names of those whom they are about."""
    ids = {one for row in rows for one in _ids(row)}
    found = queries.names(tx, ids=list(ids)) if ids else None
    names = {} if found is None else {str(row["id"]): row["name"] async for row in found}
    return [LoggedChange(names=names, **row) for row in rows]


def _ids(row: dict[str, Any]) -> Iterable[UUID]:
    details = row["details"]
    found = [details.get(name) for name in ("fromAgent", "fromTeam", "toAgent", "toTeam")]
    actor = [] if row["actor_id"] is None else [row["actor_id"]]
    return [*actor, *(UUID(one) for one in found if one is not None)]
