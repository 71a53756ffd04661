"""AI runs as a worker process handles them, several accounts at a time; see `run_dispatch` for the relay's side.

Status: `pending` → `published` (the broker has it) → `running` (a worker has claimed it) → `done` or `failed`. A lease
limits how long `published` and `running` are trusted. The process that ends a run publishes its terminal event and then
calls `mark_published`; if it dies in between, the relay publishes the event.
"""

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, RunKind, RunOutcome
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load, nested

queries = load("runs")

RunKey = tuple[UUID, UUID]
"""Account and run."""

HISTORY_CHARACTERS = 2_000
"""Maximum length of each earlier message in a claimed run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMessage:
    """A public message of the conversation before the message of the run."""

    sender: Literal["customer", "agent", "system"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run that this worker has claimed, with everything that its attempt needs."""

    id: UUID
    account_id: UUID
    kind: RunKind
    attempts: int
    """Attempts started, including this one."""
    message: Message
    assigned_to: UUID | None
    """The agent to whom the conversation is assigned now."""
    started_at: datetime
    has_newer_message: bool
    """The customer or an agent has sent a public message after the message of the run."""
    provider: str | None
    """The account's choice; None for the default."""
    daily_tokens: int | None
    """The account's own limit for external models; None for the default, 0 for unlimited."""
    daily_dollars: Decimal | None
    min_confidence: float | None
    """The least confidence of a draft that the account is shown; None for no minimum."""
    categories_version: datetime | None
    """Changes with the account's own categories and tags; None if the built-in ones of both are used."""
    is_automatic: bool
    """The account lets the AI answer some categories by itself."""
    deadline: float
    """In seconds of `time.monotonic()`."""
    history: tuple[EarlierMessage, ...]
    """Oldest first."""

    @property
    def key(self) -> RunKey:
        return self.account_id, self.id

    @property
    def run_id(self) -> UUID:
        return self.id

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        derived = ("message", "history", "deadline")
        columns = {name: row[name] for name in cls.__dataclass_fields__ if name not in derived}
        history = tuple(EarlierMessage(**message) for message in reversed(row["history"]))
        deadline = math.inf if row["seconds_left"] is None else time.monotonic() + row["seconds_left"]
        return cls(message=Message.from_row(nested(row, "message")), history=history, deadline=deadline, **columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt: `done` with an outcome, `failed` permanently, or `pending` to be retried."""

    run: ClaimedRun
    status: Literal["done", "failed", "pending"]
    outcome: RunOutcome | None = None
    error: str | None = None
    delay_seconds: float = 0.0
    """Delay before a pending run is due again."""
    payload: dict[str, Any] | None = None
    priority: str | None = None
    """New priority of the conversation."""

    def record(self) -> dict[str, Any]:
        """The row of the JSON recordset that `settle` reads."""
        return {
            "account_id": str(self.run.account_id),
            "run_id": str(self.run.id),
            "attempt": self.run.attempts,
            "status": self.status,
            "outcome": self.outcome,
            "error": self.error,
            "delay": self.delay_seconds,
            "payload": None if self.run.kind == "assist" else self.payload,  # for one agent, who receives it
            "priority": self.priority,
            "event_id": str(new_id()),
            "draft_id": str(new_id()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run whose terminal event is due. `outcome` is None for a failed run, which has a `last_error`."""

    id: UUID
    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    kind: RunKind
    outcome: RunOutcome | None
    last_error: str | None
    started_at: datetime | None
    finished_at: datetime

    @property
    def key(self) -> RunKey:
        return self.account_id, self.id

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What `settle` has changed. A run that another process had already ended appears nowhere."""

    ended: list[EndedRun]
    """Includes the drafts that became superseded."""
    retried: set[UUID]
    reprioritized: set[tuple[UUID, UUID]]
    """Account and conversation."""


async def claim(
    tx: Transaction, keys: Sequence[RunKey], *, delivery: UUID, lease_seconds: float, history_limit: int
) -> list[ClaimedRun]:
    """Claim runs and start an attempt of each, in the order of their creation.

    Runs that another worker has claimed, that have ended or that are past their deadline are left out. `delivery`
    identifies the Celery task; `history_limit` is the maximum number of earlier messages of each run.
    """
    rows = queries.claim(
        tx,
        **_columns(keys),
        delivery=delivery,
        lease_seconds=lease_seconds,
        history_limit=history_limit,
        history_characters=HISTORY_CHARACTERS,
    )
    return [ClaimedRun.from_row(row) async for row in rows]


async def settle(tx: Transaction, results: Sequence[AttemptResult], *, quiet_seconds: float) -> Settlement:
    """Store the results of attempts that are still running.

    When the newest message of an assigned conversation has been classified, a draft run is created, due
    `quiet_seconds` after the message; open draft runs for earlier messages become superseded.
    """
    records = json.dumps([result.record() for result in results])
    rows = [row async for row in queries.settle(tx, results=records, quiet_seconds=quiet_seconds)]
    return Settlement(
        ended=[EndedRun.from_row(row) for row in rows if row["status"] != "pending"],
        retried={row["id"] for row in rows if row["status"] == "pending"},
        reprioritized={(row["account_id"], row["conversation_id"]) for row in rows if row["reprioritized"]},
    )


async def release(tx: Transaction, keys: Sequence[RunKey], *, delivery: UUID) -> int:
    """End the leases of runs that a lost worker had claimed for this delivery; return their number."""
    return len([row async for row in queries.release(tx, delivery=delivery, **_columns(keys))])


async def mark_published(tx: Transaction, keys: Sequence[RunKey]) -> int:
    """Record that the terminal events of ended runs are published; return how many had not been recorded before."""
    return len([row async for row in queries.mark_published(tx, **_columns(keys))])


def _columns(keys: Iterable[RunKey]) -> dict[str, list[UUID]]:
    accounts, runs = zip(*keys, strict=True)
    return {"account_ids": list(accounts), "run_ids": list(runs)}
