"""Business hours: when the desk of an account is open. `hummdesk.routing.hours` computes with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("hours")

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60

Outside = Literal["announce", "queue"]


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Open hours that begin on a weekday, 0 for Monday. In minutes from its midnight; more than a day: the next day."""

    weekday: int
    opens: int
    closes: int

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Self:
        opens, closes = minutes(stored["opens"]), minutes(stored["closes"])
        return cls(DAYS.index(stored["day"]), opens, closes if closes > opens else closes + DAY_MINUTES)

    def wire(self) -> dict[str, str]:
        return {"day": DAYS[self.weekday], "opens": _clock(self.opens), "closes": _clock(self.closes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    is_enabled: bool = False
    """False: always open."""
    time_zone: str = "UTC"
    weekly: tuple[Interval, ...] = ()
    country: str | None = None
    """Whose public holidays are closed, in ISO 3166; None: none."""
    subdivision: str | None = None
    closed_dates: tuple[date, ...] = ()
    outside: Outside = "announce"
    """`queue`: customers are not shown the hours, which then are for routing and reports."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What customers read outside the hours, by language."""
    route_outside_hours: bool = True

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        weekly = tuple(Interval.of(one) for one in row["weekly"])
        return cls(**values | {"weekly": weekly, "closed_dates": tuple(row["closed_dates"])})

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The hours that a valid body of the contract describes."""
        return cls(
            is_enabled=body["enabled"],
            time_zone=body["timeZone"],
            weekly=tuple(sorted(Interval.of(one) for one in body["weekly"])),
            country=body["country"],
            subdivision=body["subdivision"],
            closed_dates=tuple(sorted(set(body["closedDates"]))),
            outside=body["outside"],
            texts=body["texts"],
            route_outside_hours=body["routeOutsideHours"],
        )

    def wire(self) -> dict[str, Any]:
        return {
            "enabled": self.is_enabled,
            "timeZone": self.time_zone,
            "weekly": [one.wire() for one in self.weekly],
            "country": self.country,
            "subdivision": self.subdivision,
            "closedDates": [day.isoformat() for day in self.closed_dates],
            "outside": self.outside,
            "texts": dict(sorted(self.texts.items())),  # in the order in which PostgreSQL returns them
            "routeOutsideHours": self.route_outside_hours,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DueHours:
    """The business hours of an account that has opened, closed or changed them at the time `due`."""

    account_id: UUID
    hours: BusinessHours
    due: datetime
    now: datetime
    """The time of the database."""


async def get(tx: Transaction) -> BusinessHours:
    """The business hours of the transaction's account; the default is always open."""
    row = await queries.get(tx)
    return BusinessHours() if row is None else BusinessHours.from_row(row)


async def now(tx: Transaction) -> datetime:
    """The time of the database."""
    row = await queries.now(tx)
    return cast(datetime, row["now"])


async def locked(tx: Transaction) -> BusinessHours:
    """As `get`, under a lock of the account until the transaction ends. Raises NotFound for an unknown account."""
    await accounts.locked(tx)
    return await get(tx)


async def put(tx: Transaction, actor: Person | None, account_id: UUID, hours: BusinessHours) -> BusinessHours:
    """Set the business hours of the transaction's account; nothing is written if nothing changes. Raises NotFound."""
    old = await locked(tx)
    fields = changed_fields(old, hours)
    if fields:
        values = {name: getattr(hours, name) for name in hours.__dataclass_fields__}
        weekly = Jsonb([one.wire() for one in hours.weekly])
        lists = {"weekly": weekly, "closed_dates": list(hours.closed_dates), "texts": Jsonb(dict(hours.texts))}
        await queries.put(tx, **values | lists)
        await audit.record(tx, actor, "hours.updated", account_id, {"fields": fields})
    return hours


async def due(tx: Transaction, *, at: datetime | None, limit: int) -> list[DueHours]:
    """The hours of all accounts that are due until a time, by default the database's now; for the relay."""
    return [
        DueHours(account_id=row["account_id"], hours=BusinessHours.from_row(row), due=row["changes_at"], now=row["now"])
        async for row in queries.due(tx, at=at, limit=limit)
    ]


async def schedule(tx: Transaction, one: DueHours, changes_at: datetime | None) -> None:
    """Set when the account opens or closes next, unless its hours were changed since they were read."""
    await queries.schedule(tx, account_id=one.account_id, due=one.due, changes_at=changes_at)


def minutes(clock: str) -> int:
    """The minutes from midnight of a time like `09:30`."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    """The time of a number of minutes. Midnight at the end of a day is written as 24:00."""
    if minute > DAY_MINUTES:
        minute -= DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"
