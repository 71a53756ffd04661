"""What an account's operators see of its messages and AI runs: of the newest only, and never a text."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hummdesk.core.ids import least_id
from hummdesk.core.models import RunKind
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("activity")

MESSAGES_OVER = timedelta(seconds=10)
RUNS_OVER = timedelta(hours=1)
MOST_RUNS = 1000
"""The cost of a look is bounded, however many runs an account has."""
FAILURES_SHOWN = 10
CLOCKS_DIFFER = timedelta(minutes=1)
"""At the most: what has an id of later than this was not made by `new_id`, as the demo's data."""


@dataclass(slots=True)
class Runs:
    """Of one kind; the times of those that are done, in seconds."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    median: float | None = None
    slow: float | None = None
    """Only one in twenty took longer."""


@dataclass(frozen=True, slots=True)
class Failure:
    run_id: UUID
    kind: RunKind
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    messages_per_second: float
    runs: dict[RunKind, Runs] = field(default_factory=lambda: {"classification": Runs(), "draft": Runs()})
    failures: list[Failure] = field(default_factory=list)


async def activity(tx: Transaction, moment: datetime) -> Activity:
    """Of the transaction's account, until a moment."""
    until = least_id(moment + CLOCKS_DIFFER)
    stored = await queries.stored(tx, since=least_id(moment - MESSAGES_OVER), until=until)
    found = Activity(stored["messages"] / MESSAGES_OVER.total_seconds())
    newest: dict[str, Any] = {"since": least_id(moment - RUNS_OVER), "until": until, "most": MOST_RUNS}
    async for row in queries.runs(tx, **newest):
        median, slow = row["seconds"] or (None, None)
        found.runs[row["kind"]] = Runs(row["done"], row["failed"], 0, median, slow)
    async for row in queries.waiting(tx, most=MOST_RUNS):
        found.runs[row["kind"]].waiting = row["runs"]
    rows = queries.failures(tx, **newest, shown=FAILURES_SHOWN)
    found.failures.extend([Failure(r["id"], r["kind"], r["last_error"], r["finished_at"]) async for r in rows])
    return found
