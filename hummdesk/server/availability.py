"""The business hours of accounts, cached by this process until the database notifies of a change."""

from collections import OrderedDict
from uuid import UUID

from hummdesk.storage import hours
from hummdesk.storage.database import Database
from hummdesk.storage.hours import BusinessHours

MOST = 10_000
"""Accounts in the cache."""


class HoursCache:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[UUID, BusinessHours] = OrderedDict()
        self._changes = 0

    async def of(self, account_id: UUID) -> BusinessHours:
        """The business hours of an account. Raises Unavailable."""
        known = self._known.get(account_id)
        if known is not None:
            return known
        changes = self._changes
        async with self._database.account(account_id) as tx:
            found = await hours.get(tx)
        if changes == self._changes:  # otherwise it may have been read before the change
            self._known[account_id] = found
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return found

    def forget(self, account_id: UUID | None) -> None:
        """Read the hours of an account, or of all, again."""
        self._changes += 1
        if account_id is None:
            self._known.clear()
        else:
            self._known.pop(account_id, None)
