"""The relay's side of AI runs: what is to be handed to the broker, and what nobody else will end."""

from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.models import RunKind
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.runs import Ended

queries = load("run_dispatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """What the broker carries of a run. `attempts` counts the tries begun so far."""

    id: UUID
    account_id: UUID
    kind: RunKind
    attempts: int

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Runs of one kind and state before their end, for the metrics."""

    kind: RunKind
    status: Literal["pending", "published", "running"]
    jobs: int
    oldest_seconds: float

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def publishable(tx: Transaction, limit: int, *, lease_seconds: float, deadline_seconds: float) -> list[RunRef]:
    """Runs that are due to be handed to the broker, the oldest first taken; they are marked as published.

    The deadline runs from a run's first time here.
    """
    rows = queries.publishable(tx, limit=limit, lease_seconds=lease_seconds, deadline_seconds=deadline_seconds)
    return [RunRef.from_row(row) async for row in rows]


async def republishable(tx: Transaction, limit: int, *, lease_seconds: float, max_attempts: int) -> list[RunRef]:
    """Runs that were published or begun, and of which nothing was heard for a lease; they are published anew."""
    rows = queries.republishable(tx, limit=limit, lease_seconds=lease_seconds, max_attempts=max_attempts)
    return [RunRef.from_row(row) async for row in rows]


async def next_due(tx: Transaction) -> float | None:
    """In how many seconds the next run is due, at most 0 if one is; None if none waits."""
    row = await queries.next_due(tx)
    seconds: float | None = row["seconds"]
    return seconds


async def expired(tx: Transaction, limit: int, *, max_attempts: int) -> list[Ended]:
    """Fail runs past their deadline, or whose last allowed try has lost its worker.

    Emit their terminal events before the transaction ends: if that cannot be done, they come again.
    """
    return [Ended.from_row(row) async for row in queries.expired(tx, limit=limit, max_attempts=max_attempts)]


async def unannounced(tx: Transaction, limit: int, *, older_than_seconds: float) -> list[Ended]:
    """Runs that ended a while ago, whose terminal event nobody has noted as emitted.

    Emit their terminal events before the transaction ends: if that cannot be done, they come again.
    """
    rows = queries.unannounced(tx, limit=limit, older_than_seconds=older_than_seconds)
    return [Ended.from_row(row) async for row in rows]


async def depth(tx: Transaction) -> list[Depth]:
    """The runs that have not ended, by kind and state."""
    return [Depth.from_row(row) async for row in queries.depth(tx)]
