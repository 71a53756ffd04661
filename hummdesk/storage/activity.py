"""Figures about an account's newest messages and AI runs, for its administrators; never the content of a message."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from hummdesk.core.ids import lowest_id
from hummdesk.core.models import RunKind
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("activity")

MESSAGE_PERIOD = timedelta(seconds=10)
RUN_PERIOD = timedelta(hours=1)
RUN_LIMIT = 1000
"""Limits the cost of the queries, however many runs an account has."""
FAILURES_SHOWN = 10
CLOCK_SKEW = timedelta(minutes=1)
"""Maximum difference between clocks. A later id was not made by `new_id`, such as those of the demo data."""


@dataclass(slots=True)
class Runs:
    """The runs of one kind; times are those of the done runs, in seconds."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    median: float | None = None
    slow: float | None = None
    """The 95th percentile."""


@dataclass(frozen=True, slots=True)
class Failure:
    run_id: UUID
    kind: RunKind
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    messages_per_second: float
    runs: dict[RunKind, Runs] = field(default_factory=lambda: {kind: Runs() for kind in get_args(RunKind)})
    failures: list[Failure] = field(default_factory=list)


async def activity(tx: Transaction, moment: datetime) -> Activity:
    """The activity of the transaction's account until a moment, without runs of kinds that a later version added."""
    until = lowest_id(moment + CLOCK_SKEW)
    stored = await queries.stored(tx, since=lowest_id(moment - MESSAGE_PERIOD), until=until)
    found = Activity(stored["messages"] / MESSAGE_PERIOD.total_seconds())
    newest: dict[str, Any] = {"since": lowest_id(moment - RUN_PERIOD), "until": until, "limit": RUN_LIMIT}
    async for row in queries.runs(tx, **newest):
        if row["kind"] in found.runs:
            median, slow = row["seconds"] or (None, None)
            found.runs[row["kind"]] = Runs(row["done"], row["failed"], 0, median, slow)
    async for row in queries.waiting(tx, limit=RUN_LIMIT):
        if row["kind"] in found.runs:
            found.runs[row["kind"]].waiting = row["runs"]
    rows = queries.failures(tx, **newest, shown=FAILURES_SHOWN)
    failures = [Failure(row["id"], row["kind"], row["last_error"], row["finished_at"]) async for row in rows]
    found.failures.extend([failure for failure in failures if failure.kind in found.runs])
    return found
