"""Figures for supervisors: queues and loads now, and reports of a range of time with what they are made of.

Reports are computed from the log of conversations, their messages and their ratings, by report_items of sql/schema.sql.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self, get_args
from uuid import UUID

from psycopg import errors as postgres

from hummdesk.core.errors import Invalid
from hummdesk.storage import page_cursor
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("reports")

By = Literal["hour", "team", "agent"]
Figure = Literal["opened", "answered", "unanswered", "closed", "drafts", "draftsUsed", "ratings"]
FIGURES: tuple[Figure, ...] = get_args(Figure)

ITEMS: dict[Figure, tuple[str, list[str] | None]] = {
    "opened": ("first_response", None),
    "answered": ("first_response", ["answered"]),
    "unanswered": ("first_response", ["unanswered"]),
    "closed": ("resolution", None),
    "drafts": ("draft", None),
    "draftsUsed": ("draft", ["as_it_was", "edited"]),
    "ratings": ("rating", None),
}
"""What each figure counts: rows of report_items, and their details if not all of them."""

FIRST_PART = timedelta(hours=12)
"""Of the range of a list."""
TICK = timedelta(microseconds=1)
"""The resolution of times in PostgreSQL."""

READING = """
    SELECT
        set_config('transaction_read_only', 'on', true),
        set_config(
            'statement_timeout',
            (2000 * EXTRACT(epoch FROM current_setting('statement_timeout')::interval))::integer::text,
            true
        ),
        set_config('plan_cache_mode', 'force_custom_plan', true),
        set_config('jit', 'off', true),
        set_config('enable_memoize', 'off', true),
        clock_timestamp() AT TIME ZONE %s
"""
"""The plan depends on the range. Compiling the statement would take longer than running it, and no conversation is
looked up twice. It may take twice as long as another one; then the connection would be aborted. An unknown time zone
fails, whether or not a row is counted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The range of a report, `since` included, `until` not; of all conversations, or those of a team or an agent."""

    since: datetime
    until: datetime
    time_zone: str
    """Of the hours of the day."""
    team_id: UUID | None = None
    agent_id: UUID | None = None

    def parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """In seconds."""

    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of an hour of the day, a team, an agent, or all."""

    hour: int | None
    subject_id: UUID | None
    name: str | None
    """Of the team or the agent."""
    opened: int
    answered: int
    unanswered: int
    first_response: Durations | None
    closed: int
    resolution: Durations | None
    drafts: int
    drafts_used: int
    ratings: int
    satisfied: int
    rating: float | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        for name in ("first_response", "resolution"):
            found = values[name]
            values[name] = None if found is None or None in found else Durations(median=found[0], p90=found[1])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    rows: list[Figures]
    total: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The items of a figure: of one hour of the day, or of no team or no agent."""

    figure: Figure
    hour: int | None = None
    without: Literal["team", "agent"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An event that a figure counts: an opening, a closing, a use of a draft or a rating."""

    id: UUID
    conversation_id: UUID
    at: datetime
    agent_id: UUID | None
    team_id: UUID | None
    seconds: float | None
    detail: str | None
    """Whether it was answered, how the draft was used, or the comment of the rating."""
    rating: int | None
    status: str
    subject: str | None
    customer_name: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Waiting conversations of a team, or (None) of the account."""

    team_id: UUID | None
    name: str | None
    waiting: int
    urgent: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The open conversations of an agent; `load` counts urgent ones twice."""

    agent_id: UUID
    name: str
    last_seen_at: datetime | None
    capacity: int | None
    """The load up to which routing assigns; None without one."""
    conversations: int
    load: int


async def report(tx: Transaction, scope: Scope, *, by: By) -> Report:
    """The figures of a range, by hour of the day, team or agent. Raises Invalid for an unknown time zone."""
    await _begin(tx, scope)
    *parts, total = [row async for row in queries.figures(tx, by=by, **scope.parameters())]
    return Report(rows=[Figures.from_row(row) for row in parts], total=Figures.from_row(total))


async def items(
    tx: Transaction, scope: Scope, choice: Choice, *, limit: int, cursor: str | None
) -> tuple[list[Item], str | None]:
    """A page of what a figure counts, newest first, and the cursor of the next page. Raises Invalid."""
    before = page_cursor.NEWEST if cursor is None else page_cursor.decode(cursor)
    await _begin(tx, scope)
    found: list[Item] = []
    following = replace(scope, until=before[0] + TICK) if before[0] < scope.until else scope
    for part in _newest_first(following):
        found += await _items(tx, part, choice, before, limit=limit + 1 - len(found))
        if len(found) > limit:
            return found[:limit], page_cursor.encode(found[limit - 1].at, found[limit - 1].id)
    return found, None


def _newest_first(scope: Scope) -> Iterator[Scope]:
    """Parts of the range, each longer than the one before: a page that is full soon reads no more than it needs."""
    until, length = scope.until, FIRST_PART
    while until > scope.since:
        since = until - min(length, until - scope.since)
        yield replace(scope, since=since, until=until)
        until, length = since, 4 * length


async def _items(
    tx: Transaction, scope: Scope, choice: Choice, before: tuple[datetime, UUID], *, limit: int
) -> list[Item]:
    figure, details = ITEMS[choice.figure]
    rows = queries.items(
        tx,
        figure=figure,
        details=details,
        hour=choice.hour,
        without=choice.without,
        before_at=before[0],
        before_id=before[1],
        limit=limit,
        **scope.parameters(),
    )
    return [Item.from_row(row) async for row in rows]


async def queues_now(tx: Transaction) -> list[Queue]:
    """The queue of the account, and that of each team."""
    return [Queue(**row) async for row in queries.queues(tx)]


async def loads(tx: Transaction, *, limit: int) -> list[Load]:
    """The first active admins and agents with their open conversations, by name."""
    return [Load(**row) async for row in queries.loads(tx, limit=limit)]


async def _begin(tx: Transaction, scope: Scope) -> None:
    try:
        await tx.execute(READING, (scope.time_zone,))
    except postgres.InvalidParameterValue:
        raise Invalid(details={"timeZone": ["Not a time zone."]}) from None
