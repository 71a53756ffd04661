"""Routing: its settings, what decisions are made on, and the decisions."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import orjson

from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit, teams
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("routing")

Mode = Literal["off", "round_robin", "least_loaded"]
MODES: tuple[Mode, ...] = ("off", "round_robin", "least_loaded")
MAX_CAPACITY = 1000
MAX_SECONDS = 86_400
HELD_LIMIT = 200
"""Conversations of one agent that are examined at a time."""
PRUNED = 1_000
"""Records that are deleted in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """The settings of the queue of an account, and of those of teams without own ones."""

    mode: Mode = "off"
    capacity: int = 5
    skills_wait_seconds: int = 60
    answer_seconds: int = 0
    offline_seconds: int = 30

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "capacity": self.capacity,
            "skillsWaitSeconds": self.skills_wait_seconds,
            "answerSeconds": self.answer_seconds,
            "offlineSeconds": self.offline_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRouting:
    """The settings of the queue of a team; None: those of the account."""

    team_id: UUID
    mode: Mode | None = None
    capacity: int | None = None

    def wire(self) -> dict[str, Any]:
        return {"teamId": str(self.team_id), "mode": self.mode, "capacity": self.capacity}


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSettings:
    account: RoutingSettings
    teams: tuple[TeamRouting, ...]

    @property
    def is_on(self) -> bool:
        return self.account.mode != "off" or any(team.mode not in (None, "off") for team in self.teams)

    def is_routed(self, team_id: UUID | None) -> bool:
        """Whether the queue of a team, or of the account (None), is routed."""
        own = next((team.mode for team in self.teams if team.team_id == team_id), None)
        return (own or self.account.mode) != "off"

    def wire(self) -> dict[str, Any]:
        return self.account.wire() | {"teams": [team.wire() for team in self.teams]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The state of routing when its lock is taken. `now` is in microseconds."""

    last_number: int
    now: int
    skills: frozenset[str]
    deserted: frozenset[UUID]
    """The teams without an active agent."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**row | {"skills": frozenset(row["skills"]), "deserted": frozenset(row["deserted"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    id: UUID
    capacity: int | None
    skills: frozenset[str]
    team_ids: frozenset[UUID]
    load: int
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A conversation in a queue. Times are in microseconds."""

    id: UUID
    team_id: UUID | None
    priority: str
    since: int
    position_at: datetime
    category: str | None
    language: str | None
    is_classifying: bool
    last_rule: str | None
    last_agent: UUID | None
    last_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConversation:
    id: UUID
    team_id: UUID | None
    agent_id: UUID
    waits_since: int
    offline_since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    team_id: UUID | None
    waiting: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A choice that was made. `event_id` is that of the log, and of the outbox entry."""

    number: int
    conversation_id: UUID
    team_id: UUID | None
    agent_id: UUID
    rule: str
    event_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    number: int
    record_number: int
    agent_id: UUID
    rule: str
    event_id: UUID
    decided_at: datetime
    snapshot: dict[str, Any]
    choices: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMove:
    """A decision that was carried out. `is_logged`: the log of the conversation has it."""

    conversation_id: UUID
    agent_id: UUID
    rule: str
    is_logged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    number: int
    snapshot: dict[str, Any]
    choices: list[dict[str, Any]]
    moved: tuple[StoredMove, ...]


# Settings ------------------------------------------------------------------------------------------------------------


async def settings(tx: Transaction) -> AllSettings:
    """The settings of the account, and of each team that has own ones."""
    account, found = RoutingSettings(), []
    async for row in queries.settings(tx):
        if row["team_id"] is None:
            account = RoutingSettings.from_row(row)
        else:
            found.append(TeamRouting(team_id=row["team_id"], mode=row["mode"], capacity=row["capacity"]))
    return AllSettings(account=account, teams=tuple(found))


async def locked(tx: Transaction) -> AllSettings:
    """As `settings`, under a lock of the account until the transaction ends. Raises NotFound for an unknown account."""
    await accounts.locked(tx)
    return await settings(tx)


async def update(tx: Transaction, actor: Person | None, **changes: Any) -> AllSettings:
    """Set settings of the account; nothing is written if nothing changes. Raises NotFound."""
    old = await locked(tx)
    new = replace(old.account, **changes)
    if fields := changed_fields(old.account, new):
        await queries.add_position(tx)
        await queries.set_account(
            tx,
            mode=new.mode,
            capacity=new.capacity,
            skills_wait_seconds=new.skills_wait_seconds,
            answer_seconds=new.answer_seconds,
            offline_seconds=new.offline_seconds,
        )
        await audit.record(tx, actor, "routing.updated", "account", {"fields": fields})
    return replace(old, account=new)


async def update_team(tx: Transaction, actor: Person | None, team_id: UUID, **changes: Any) -> AllSettings:
    """Set settings of a team; None is that of the account. Raises NotFound."""
    old = await locked(tx)
    await teams.locked(tx, team_id)
    known = next((team for team in old.teams if team.team_id == team_id), TeamRouting(team_id=team_id))
    new = replace(known, **changes)
    if fields := changed_fields(known, new):
        await queries.add_position(tx)
        await queries.set_team(tx, team_id=team_id, mode=new.mode, capacity=new.capacity)
        await audit.record(tx, actor, "routing.updated", team_id, {"fields": fields})
    return await settings(tx)


async def routed_accounts(tx: Transaction) -> list[UUID]:
    """Accounts in which a queue is routed, for the relay."""
    return [row["account_id"] async for row in queries.routed(tx)]


# Decisions -----------------------------------------------------------------------------------------------------------


async def begin(tx: Transaction) -> Start | None:
    """Lock routing of the account until the transaction ends; None if it has never been set."""
    await queries.lock(tx)
    return await look(tx)


async def look(tx: Transaction) -> Start | None:
    """As `begin`, without the lock."""
    row = await queries.look(tx)
    return row and Start.from_row(row)


async def agents(tx: Transaction, agent_ids: Collection[UUID], *, most: int) -> list[Agent]:
    """The agents of these ids. A load is counted until it exceeds the capacity of the agent, or `most`."""
    rows = queries.agents(tx, agent_ids=list(agent_ids), most=most)
    return [
        Agent(**row | {"skills": frozenset(row["skills"]), "team_ids": frozenset(row["team_ids"])})
        async for row in rows
    ]


QueueCursor = tuple[int, datetime, UUID]
"""A position in a queue: rank of the priority, time, conversation."""


async def waiting(
    tx: Transaction, queues: Iterable[tuple[UUID | None, QueueCursor | None]], *, with_skills: bool, limit: int
) -> list[Waiting]:
    """The next `limit` conversations of each of these queues, after a cursor or from the first one, in order."""
    given = [
        {"team_id": team_id, "after_rank": -1 if after is None else after[0]}
        | {"after_since": "-infinity" if after is None else after[1].isoformat()}
        | {"after_id": UUID(int=0) if after is None else after[2]}
        for team_id, after in queues
    ]
    rows = queries.waiting(tx, queues=orjson.dumps(given).decode(), with_skills=with_skills, limit=limit)
    return [Waiting(**row) async for row in rows]


async def held(tx: Transaction, present: Collection[UUID], *, with_present: bool) -> list[HeldConversation]:
    """Assigned conversations whose customers wait: of agents who are not present, and `with_present` of all."""
    rows = queries.held(tx, present=list(present), with_present=with_present, limit=HELD_LIMIT)
    return [HeldConversation(**row) async for row in rows]


async def lock_agents(tx: Transaction, agent_ids: Collection[UUID]) -> set[UUID]:
    """Lock those of these agents who are not locked and can still answer, until the transaction ends."""
    return {row["id"] async for row in queries.lock_agents(tx, agent_ids=list(agent_ids))}


async def move(
    tx: Transaction,
    items: Sequence[dict[str, Any]],
    *,
    number: int,
    snapshot: dict[str, Any],
    choices: Sequence[dict[str, Any]],
) -> list[Move]:
    """Make the choices of a decision, and store it; return those that were made."""
    rows = queries.move(
        tx,
        items=orjson.dumps(list(items)).decode(),
        number=number,
        snapshot=orjson.dumps(snapshot).decode(),
        choices=orjson.dumps(list(choices)).decode(),
    )
    return [Move(**row) async for row in rows]


async def decision(tx: Transaction, conversation_id: UUID) -> StoredDecision:
    """The last decision about a conversation. Raises NotFound."""
    row = await queries.decision(tx, conversation_id=conversation_id)
    if row is None:
        raise NotFound("Routing has not decided about this conversation, or its record was deleted")
    return StoredDecision(**row)


async def records(tx: Transaction, *, after: int, limit: int) -> list[StoredRecord]:
    """The next stored decisions after a number."""
    rows = queries.records(tx, after=after, limit=limit)
    return [StoredRecord(**row | {"moved": tuple(map(_stored_move, row["moved"]))}) async for row in rows]


def _stored_move(row: dict[str, Any]) -> StoredMove:
    ids = {name: UUID(row[name]) for name in ("conversation_id", "agent_id")}
    return StoredMove(rule=row["rule"], is_logged=row["is_logged"], **ids)


async def prune(tx: Transaction, *, days: int) -> int:
    """Delete the oldest records of all accounts, for the eraser; return their number."""
    row = await queries.prune(tx, days=days, limit=PRUNED)
    deleted: int = row["deleted"]
    return deleted


async def queues(tx: Transaction) -> list[Queue]:
    """The queues in which conversations wait."""
    return [Queue(**row) async for row in queries.queues(tx)]


async def above_capacity(tx: Transaction) -> int:
    """The number of agents to whom routing has given more than their capacity."""
    row = await queries.above_capacity(tx, limit=MAX_CAPACITY)
    agents: int = row["agents"]
    return agents


async def agent_names(tx: Transaction, agent_ids: Collection[UUID]) -> dict[UUID, str]:
    return {row["id"]: row["name"] async for row in queries.agent_names(tx, agent_ids=list(agent_ids))}
