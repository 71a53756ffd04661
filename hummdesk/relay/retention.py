"""Retention, in small batches: what is too old of conversations, visitors, sign-ins, AI, audit log and idle streams.

Any number of relays may do this: what another one has erased already is left out.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.metrics import ERRORS, RETENTION_ERASED
from hummdesk.relay.erasure import Eraser
from hummdesk.storage import idempotency, page_visits, retention
from hummdesk.storage.retention import FIRST, FIRST_ACCOUNT, DueAccount, OldRow

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
        self._ages = list(_ages(settings))
        self._age, self._account = 0, FIRST_ACCOUNT
        """The kind of rows, and the account, from which `prune_old` goes on."""

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

    async def prune_old(self) -> float | None:
        """Delete old rows of one kind of the next accounts; return when to go on, None after the last kind.

        A kind that fails is left for the next pass, so that the others are deleted.
        """
        kind, age = self._ages[self._age]
        try:
            account = await self._prune(kind, before=datetime.now(UTC) - age)
        except Unavailable:  # PostgreSQL, for all kinds: the step is retried
            raise
        except Exception as error:
            code = error.code if isinstance(error, HummDeskError) else HummDeskError.code
            ERRORS.labels(where="retention", code=code).inc()
            log.exception("retention.failed", extra={"kind": kind})
            account = None
        self._account = account or FIRST_ACCOUNT
        if account is None:
            self._age = (self._age + 1) % len(self._ages)
        return None if account is None and self._age == 0 else PAUSE_SECONDS

    async def _prune(self, kind: OldRow, *, before: datetime) -> UUID | None:
        """Delete old rows of the next accounts; return the last of them, None after the last account."""
        async with self._eraser.database.all_accounts() as tx:
            deleted, account = await retention.prune_old(tx, kind, before=before, after=self._account)
        RETENTION_ERASED.labels(kind).inc(deleted)
        return account

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


def _ages(settings: Settings) -> Iterator[tuple[OldRow, timedelta]]:
    """How long rows of each kind are kept. Learned answers are deleted before the runs that they refer to."""
    if settings.ai_history_days:
        history = timedelta(days=settings.ai_history_days)
        yield from (("learned_answer", history), ("ai_run", history), ("model_call", history), ("ai_usage", history))
    if settings.audit_log_days:
        yield "audit_entry", timedelta(days=settings.audit_log_days)
    yield "idempotency_key", timedelta(hours=idempotency.KEPT_HOURS)
    yield "page_visit", timedelta(days=page_visits.DAYS)
