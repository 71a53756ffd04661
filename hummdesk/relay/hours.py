"""Publishes when accounts open and close, and changes of their business hours.

Any number of relays may do this: the stream drops an event that another one has published for the same change.
"""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.publish.publisher import Publisher
from hummdesk.routing.availability import availability
from hummdesk.routing.hours import load_calendar
from hummdesk.storage import hours
from hummdesk.storage.database import Database
from hummdesk.storage.hours import DueHours

log = logging.getLogger(__name__)

BATCH = 100
RETRY = timedelta(hours=1)
"""After which an account with an unknown time zone is tried again."""


class HoursPublisher:
    def __init__(self, database: Database, publisher: Publisher) -> None:
        """`database` sees the hours of all accounts."""
        self._database = database
        self._publisher = publisher

    async def publish_due(self, *, at: datetime | None = None) -> float | None:
        """Publish what is due at a time, by default now; return when to go on, None for the next sweep."""
        due = await hours.due(self._database.shared(), at=at, limit=BATCH)
        for one in due:
            try:
                await self._publish(one)
            except ZoneInfoNotFoundError:  # older time zones than where they were set; the others go on
                log.error("hours.unknown_time_zone", extra={"account_id": str(one.account_id)})
                await self._schedule(one, one.now + RETRY)
        return AT_ONCE_SECONDS if len(due) == BATCH else None

    async def _publish(self, one: DueHours) -> None:
        """Publish before the next time is recorded, so that a change that was interrupted is repeated."""
        await load_calendar(one.hours)
        event = availability(one.account_id, one.hours, one.now, due=one.due)
        await self._publisher.publish_stored(event)
        await self._schedule(one, event.opens_at or event.closes_at)
        log.info("hours.published", extra={"account_id": str(one.account_id), "is_open": event.is_open})

    async def _schedule(self, one: DueHours, at: datetime | None) -> None:
        async with self._database.all_accounts() as tx:
            await hours.schedule(tx, one, at)
