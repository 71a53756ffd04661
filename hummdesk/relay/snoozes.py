"""Reopens snoozed conversations when their time has come. The events are published from the outbox.

Any number of relays may do this: each conversation is reopened once, under its lock.
"""

import logging

from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.storage import snoozes
from hummdesk.storage.database import Database

log = logging.getLogger(__name__)

BATCH = 20


class SnoozeEnder:
    def __init__(self, all_accounts: Database, one_account: Database) -> None:
        """`all_accounts` sees the snoozed conversations of every account, `one_account` all rows of one account."""
        self._all_accounts = all_accounts
        self._one_account = one_account

    async def wake_due(self) -> float | None:
        """Reopen a batch of what is due; return when to go on, None for the next sweep."""
        due = await snoozes.due(self._all_accounts.shared(), limit=BATCH)
        woken = 0
        for account_id, conversation_ids in due.items():
            async with self._one_account.account(account_id) as tx:
                woken += len(await snoozes.wake(tx, conversation_ids))
        if woken:
            log.info("snooze.ended", extra={"conversations": woken})
        return AT_ONCE_SECONDS if woken == BATCH else None
