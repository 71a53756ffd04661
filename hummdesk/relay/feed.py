"""The feed, for accounts whose events nobody reads: numbers their changes, and deletes events that are too old.

Any number of relays, and every reader, may do this at a time: the position of an account is locked.
"""

from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.storage import feed
from hummdesk.storage.database import Database
from hummdesk.storage.feed import FIRST_ACCOUNT

PAUSE_SECONDS = 0.2
"""Between two batches of deletions."""


class FeedSweeper:
    def __init__(self, settings: Settings, database: Database) -> None:
        """`database` sees the feeds of all accounts."""
        self._days = settings.feed_days
        self._database = database
        self._numbered = FIRST_ACCOUNT
        self._pruned = FIRST_ACCOUNT

    async def sequence(self) -> float | None:
        """Number a batch of changes; return when to go on, None after the last account.

        Whether there are any is asked in a round trip with others.
        """
        if not await feed.has_changes(self._database.shared(), after=self._numbered):
            self._numbered = FIRST_ACCOUNT
            return None
        numbered, account = await feed.sequence_all(self._database.autocommit_all(), after=self._numbered)
        metrics.FEED_NUMBERED.inc(numbered)
        self._numbered = account or FIRST_ACCOUNT
        return None if account is None else AT_ONCE_SECONDS

    async def prune(self) -> float | None:
        """Delete old events of the next accounts; return when to go on, None after the last one."""
        async with self._database.all_accounts() as tx:
            deleted, account = await feed.prune(tx, days=self._days, after=self._pruned)
        metrics.RETENTION_ERASED.labels("feed_event").inc(deleted)
        self._pruned = account or FIRST_ACCOUNT
        return None if account is None else PAUSE_SECONDS

    async def measure(self) -> None:
        backlog = await feed.backlog(self._database.autocommit_all())
        metrics.FEED_CHANGES.set(backlog.changes)
        metrics.FEED_OLDEST_SECONDS.set(backlog.oldest_seconds)
