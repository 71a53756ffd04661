"""AI runs as the relay handles them: runs due for the broker, lost runs, and runs that no worker will end.

Runs of a kind that this version does not know are left to a relay of a later version, and counted by `open_runs`.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args
from uuid import UUID

from hummdesk.core.models import RunKind
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.runs import EndedRun

queries = load("run_dispatch")

KINDS: list[RunKind] = list(get_args(RunKind))


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRun:
    """A run to be sent to the broker. `attempts` counts the attempts started so far."""

    id: UUID
    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    kind: RunKind
    attempts: int

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRuns:
    """Number of runs of one kind and status that have not ended, for the metrics."""

    kind: str
    """A RunKind, or a kind of a later version."""
    status: Literal["pending", "published", "running"]
    count: int
    oldest_seconds: float

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def take_due(tx: Transaction, limit: int, *, lease_seconds: float, deadline_seconds: float) -> list[DueRun]:
    """Mark runs that are due as published and return them; the earliest due are taken first.

    The deadline of a run counts from the first time that it is taken.
    """
    rows = queries.take_due(
        tx, kinds=KINDS, limit=limit, lease_seconds=lease_seconds, deadline_seconds=deadline_seconds
    )
    return [DueRun.from_row(row) async for row in rows]


async def take_other_due(tx: Transaction, limit: int, *, lease_seconds: float, deadline_seconds: float) -> list[DueRun]:
    """As `take_due`, without classifications."""
    rows = queries.take_other_due(
        tx, kinds=KINDS, limit=limit, lease_seconds=lease_seconds, deadline_seconds=deadline_seconds
    )
    return [DueRun.from_row(row) async for row in rows]


async def take_lost(tx: Transaction, limit: int, *, lease_seconds: float, max_attempts: int) -> list[DueRun]:
    """Renew the lease of published or running runs whose lease has expired, and return them to be sent again."""
    rows = queries.take_lost(tx, kinds=KINDS, limit=limit, lease_seconds=lease_seconds, max_attempts=max_attempts)
    return [DueRun.from_row(row) async for row in rows]


async def seconds_until_due(tx: Transaction) -> float | None:
    """Seconds until the next run is due, at most 0 if one is due now; None if no run waits for the broker."""
    row = await queries.seconds_until_due(tx, kinds=KINDS)
    seconds: float | None = row["seconds"]
    return seconds


async def fail_expired(tx: Transaction, limit: int, *, max_attempts: int) -> list[EndedRun]:
    """Fail runs that are past their deadline, or whose last allowed attempt has lost its worker."""
    rows = queries.fail_expired(tx, kinds=KINDS, limit=limit, max_attempts=max_attempts)
    return [EndedRun.from_row(row) async for row in rows]


async def unpublished(tx: Transaction, limit: int, *, older_than_seconds: float) -> list[EndedRun]:
    """The oldest runs that ended a while ago without `runs.mark_published`."""
    rows = queries.unpublished(tx, kinds=KINDS, limit=limit, older_than_seconds=older_than_seconds)
    return [EndedRun.from_row(row) async for row in rows]


async def open_runs(tx: Transaction) -> list[OpenRuns]:
    """Count the runs that have not ended, by kind and status."""
    return [OpenRuns.from_row(row) async for row in queries.open_runs(tx)]
