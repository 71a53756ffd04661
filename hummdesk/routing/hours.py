"""Whether a desk is open at a time, and when that changes.

Intervals are in local time. An opening at a time that the clocks show twice is the first of both, a closing the last. A
time that the clocks skip is later by as much as they are put forward (RFC 5545, section 3.3.5). An interval that begins
on a closed date does not take place, past midnight neither; one that began on the day before goes on to its end.
"""

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hummdesk.core.background import in_thread
from hummdesk.routing.calendars import holidays_of
from hummdesk.storage import hours as stored
from hummdesk.storage.database import Transaction
from hummdesk.storage.hours import BusinessHours

log = logging.getLogger(__name__)

WINDOWS_DAYS = (3, 10, 60, 400)
"""How far ahead the next change is looked for."""
BEFORE = timedelta(days=2)
"""An interval that began two local days before may not have ended."""

Span = tuple[datetime, datetime]
"""From an opening to a closing, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whether a desk is open, and when it closes or opens next; None if not within a year."""

    is_open: bool
    changes_at: datetime | None

    @property
    def opens_at(self) -> datetime | None:
        return None if self.is_open else self.changes_at

    @property
    def closes_at(self) -> datetime | None:
        return self.changes_at if self.is_open else None


def is_open(hours: BusinessHours, at: datetime) -> bool:
    """Whether a desk with these hours is open at a time."""
    return not hours.is_enabled or any(opens <= at < closes for opens, closes in _spans(hours, at, 1))


def opening(hours: BusinessHours, at: datetime) -> Opening:
    """The state at a time, and when it changes."""
    if not hours.is_enabled:
        return Opening(is_open=True, changes_at=None)
    found = Opening(is_open=False, changes_at=None)
    for days in WINDOWS_DAYS:
        found = _opening(_merged(hours, at, days), at)
        if found.changes_at is not None and found.changes_at < at + timedelta(days=days - 1):
            return found
    return Opening(is_open=found.is_open, changes_at=None)


async def is_paused(tx: Transaction) -> bool:
    """Whether the transaction's account assigns nothing automatically now, since it is closed.

    An account whose time zone the host does not know counts as open.
    """
    known = await stored.get(tx)
    return not known.route_outside_hours and not await _is_open_now(tx, known)


async def is_open_now(tx: Transaction) -> bool:
    """Whether the transaction's account is open, by the clock of PostgreSQL; also if its time zone is not known."""
    return await _is_open_now(tx, await stored.get(tx))


async def _is_open_now(tx: Transaction, hours: BusinessHours) -> bool:
    if not hours.is_enabled or not is_known(hours.time_zone):
        return True
    await load_calendar(hours)
    return is_open(hours, await stored.now(tx))


@lru_cache(maxsize=1024)
def is_known(time_zone: str) -> bool:
    """Whether the host knows a time zone. Its data may be older than where the zone was set."""
    try:
        ZoneInfo(time_zone)
    except ZoneInfoNotFoundError:
        log.error("hours.unknown_time_zone", extra={"time_zone": time_zone})  # once: the result is cached
        return False
    return True


async def load_calendar(hours: BusinessHours) -> None:
    """Import the calendar of the country, if it is the first one of this process, without blocking the event loop."""
    country = hours.country
    if country is not None and "holidays" not in sys.modules:
        await in_thread(lambda: holidays_of(country, hours.subdivision, datetime.now(UTC).year))


def _opening(spans: list[Span], at: datetime) -> Opening:
    for opens, closes in spans:
        if at < opens:
            return Opening(is_open=False, changes_at=opens)
        if at < closes:
            return Opening(is_open=True, changes_at=closes)
    return Opening(is_open=False, changes_at=None)


def _merged(hours: BusinessHours, at: datetime, days: int) -> list[Span]:
    """The spans around a time in order, those that touch as one."""
    merged: list[Span] = []
    for opens, closes in sorted(_spans(hours, at, days)):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return merged


def _spans(hours: BusinessHours, at: datetime, days: int) -> Iterator[Span]:
    """The spans that begin from two days before a time to `days` after it."""
    zone = ZoneInfo(hours.time_zone)
    first = (at.astimezone(zone) - BEFORE).date()
    for day in (first + timedelta(days=count) for count in range(days + BEFORE.days + 1)):
        intervals = [one for one in hours.weekly if one.weekday == day.weekday()]
        if intervals and not _is_closed(hours, day):
            for one in intervals:
                opens, closes = _first(day, one.opens, zone), _last(day, one.closes, zone)
                if opens < closes:
                    yield opens, closes


def _is_closed(hours: BusinessHours, day: date) -> bool:
    is_holiday = hours.country is not None and day in holidays_of(hours.country, hours.subdivision, day.year)
    return is_holiday or day in hours.closed_dates


def _first(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The instant of a local time; the first if the clocks show it twice, later if they skip it."""
    return (datetime.combine(day, time()) + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)


def _last(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """As `_first`, the last of both. In a gap, fold 1 would be before it."""
    local = datetime.combine(day, time()) + timedelta(minutes=minute)
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
