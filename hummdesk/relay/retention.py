"""Retention, in small batches: conversations, visitors and sign-ins that are too old, and entries of idle streams.

Any number of relays may do this: what another one has erased already is left out.
"""

import logging

from hummdesk.core.config import Settings
from hummdesk.core.metrics import RETENTION_ERASED
from hummdesk.relay.erasure import Eraser
from hummdesk.storage import retention
from hummdesk.storage.retention import FIRST, DueAccount

log = logging.getLogger(__name__)

RETENTION_SECONDS = 60.0
PRUNE_SECONDS = 3600.0
PAUSE_SECONDS = 0.2
"""Between two batches, so that clients and PostgreSQL are not flooded."""

BATCH = 20
"""Conversations of one account in a batch."""


class Retention:
    def __init__(self, settings: Settings, eraser: Eraser) -> None:
        self._visitor_days = settings.visitor_retention_days
        self._eraser = eraser
        self._position = FIRST

    async def erase_due(self) -> float | None:
        """Erase a batch of conversations of each account; return when more are due, None if none are."""
        async with self._eraser.database.all_accounts() as tx:
            due = await retention.accounts_due(tx)
        is_full = [await self._erase(account) for account in due]
        return PAUSE_SECONDS if any(is_full) else None

    async def prune_visitors(self) -> float | None:
        """Delete visitors who never wrote among the next contacts; return when to go on, None after the last one."""
        if not self._visitor_days:
            return None
        async with self._eraser.database.all_accounts() as tx:
            deleted, position = await retention.prune_visitors(tx, after=self._position, days=self._visitor_days)
        RETENTION_ERASED.labels("visitor").inc(deleted)
        self._position = position or FIRST
        return None if position is None else PAUSE_SECONDS

    async def prune_sign_ins(self) -> None:
        """Delete sign-in links and staff sessions that have expired."""
        async with self._eraser.database.all_accounts() as tx:
            links, sessions = await retention.prune_sign_ins(tx)
        RETENTION_ERASED.labels("sign_in_link").inc(links)
        RETENTION_ERASED.labels("staff_session").inc(sessions)

    async def trim_stream(self) -> None:
        await self._eraser.stream.trim()

    async def _erase(self, account: DueAccount) -> bool:
        """Erase and publish before the position is recorded, so that a batch that was interrupted is repeated."""
        async with self._eraser.database.account(account.account_id) as tx:
            due = await retention.conversations_due(tx, until=account.until, limit=BATCH)
        for conversation in due:
            await self._eraser.erase_conversation(account.account_id, conversation.id)
            await self._eraser.publish(account.account_id, conversation.id)
        if due:
            async with self._eraser.database.account(account.account_id) as tx:
                await retention.advance(tx, due[-1].updated_at)
            RETENTION_ERASED.labels("conversation").inc(len(due))
            log.info("retention.erased", extra={"account_id": str(account.account_id), "conversations": len(due)})
        return len(due) >= BATCH
