"""AI runs, from the outbox to their one terminal event.

`pending` → `published` (the broker has it) → `running` (a worker has claimed it) → `done` or `failed`. A lease bounds
how long `published` and `running` are believed. Whoever gets True from `finish` or `fail` emits the terminal event and
then calls `announced`; the relay emits it for those who did not live to do so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.models import Message
from hummdesk.storage.database import Transaction
from hummdesk.storage.ids import new_id
from hummdesk.storage.queries import load, nested

queries = load("jobs")

Kind = Literal["classification", "draft"]
Outcome = Literal["done", "abstained", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """What the broker carries of a run."""

    id: UUID
    account_id: UUID
    kind: Kind
    attempts: int

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claimed run. `attempts` counts this try; `assigned_to` is who has the conversation now."""

    id: UUID
    account_id: UUID
    kind: Kind
    attempts: int
    message: Message
    assigned_to: UUID | None
    started_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        own = {name: row[name] for name in cls.__dataclass_fields__ if name != "message"}
        return cls(message=Message.from_row(nested(row, "message")), **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run whose terminal event is to be emitted: `outcome` is None for a failed one, which has a `last_error`."""

    id: UUID
    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    kind: Kind
    outcome: Outcome | None
    last_error: str | None
    started_at: datetime | None
    finished_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Runs of one kind and state before their end, for the metrics."""

    kind: Kind
    status: Literal["pending", "published", "running"]
    jobs: int
    oldest_seconds: float

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def publishable(
    tx: Transaction, limit: int, *, lease_seconds: float, deadline_seconds: float, max_attempts: int
) -> list[JobRef]:
    """Relay: runs to hand to the broker, the oldest first taken; they are marked as published.

    The deadline runs from a run's first time here. A run that nobody claims within the lease comes again.
    """
    rows = queries.publishable(
        tx, limit=limit, lease_seconds=lease_seconds, deadline_seconds=deadline_seconds, max_attempts=max_attempts
    )
    return [JobRef.from_row(row) async for row in rows]


async def claim(tx: Transaction, run_id: UUID, *, lease_seconds: float) -> Job | None:
    """Begin a try, or None: another worker is at it, it has ended, or its deadline has passed."""
    row = await queries.claim(tx, run_id=run_id, lease_seconds=lease_seconds)
    return row and Job.from_row(row)


async def finish(tx: Transaction, run_id: UUID, *, outcome: Outcome) -> bool:
    """End a running job; False if somebody else has ended it: then emit nothing."""
    return _hit(await queries.finish(tx, run_id=run_id, outcome=outcome))


async def fail(tx: Transaction, run_id: UUID, *, error: str) -> bool:
    """Give up a running job; False if somebody else has ended it: then emit nothing."""
    return _hit(await queries.fail(tx, run_id=run_id, error=error))


async def retry_later(tx: Transaction, run_id: UUID, *, delay_seconds: float, error: str) -> bool:
    """Have a running job tried again after a delay; False if somebody else has ended it."""
    return _hit(await queries.retry_later(tx, run_id=run_id, delay_seconds=delay_seconds, error=error))


async def announced(tx: Transaction, run_id: UUID) -> bool:
    """Note that the terminal event of an ended run is out; False if the relay was faster."""
    return _hit(await queries.announced(tx, run_id=run_id))


async def store_result(tx: Transaction, run_id: UUID, *, kind: Kind, payload: dict[str, Any]) -> bool:
    """Keep what a run has found; False if an earlier try has stored something, which stays."""
    return _hit(await queries.store_result(tx, run_id=run_id, kind=kind, payload=Jsonb(payload)))


async def add_draft(tx: Transaction, job: Job) -> UUID | None:
    """Ask for a draft on the message of a run and wake the relay; None if that has been asked for."""
    draft_id = new_id()
    added = await queries.add_draft(tx, id=draft_id, run_id=job.id)
    return draft_id if added else None


async def expired(tx: Transaction, limit: int, *, max_attempts: int) -> list[Ended]:
    """Relay: fail runs past their deadline, or whose last allowed try has lost its worker.

    Emit their terminal events before the transaction ends: if that cannot be done, they come again.
    """
    return [Ended.from_row(row) async for row in queries.expired(tx, limit=limit, max_attempts=max_attempts)]


async def unannounced(tx: Transaction, limit: int, *, older_than_seconds: float) -> list[Ended]:
    """Relay: runs that ended a while ago, whose terminal event nobody has noted as emitted.

    Emit their terminal events before the transaction ends: if that cannot be done, they come again.
    """
    rows = queries.unannounced(tx, limit=limit, older_than_seconds=older_than_seconds)
    return [Ended.from_row(row) async for row in rows]


async def depth(tx: Transaction) -> list[Depth]:
    """Relay: the queue, by kind and state."""
    return [Depth.from_row(row) async for row in queries.depth(tx)]


def _hit(rows: int) -> bool:
    return rows == 1
