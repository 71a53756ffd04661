"""The counts of saved views that are counted by their lists: of a category, a search, closed conversations, or all.

A process counts one view at a time, and all of an account at most once in PACE times the duration, which includes
queries that time out: they follow changes later than the counts of an inbox, which one query counts.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from uuid import UUID

from hummdesk.core.background import end
from hummdesk.core.errors import HummDeskError
from hummdesk.storage import counts
from hummdesk.storage.counts import ViewTotal
from hummdesk.storage.database import Database, is_timeout

log = logging.getLogger(__name__)

DELAY_SECONDS = 1.0
PACE = 20
"""The share of time in which the views of an account are counted is at most 1 / PACE."""
RETRY_SECONDS = 5.0
CHANGING_VIEWS = "saved_view_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    owners: frozenset[UUID]
    """The people whose own views were counted, beside the shared ones."""
    seconds: float = 0.0
    has_failed: bool = False
    """Whether a view was left out because its query failed."""
    views: dict[UUID, ViewTotal] = field(default_factory=dict)


class ViewCounts:
    """`owners` returns the people of an account whose views are counted; `changed` is called after a change."""

    def __init__(
        self, database: Database, *, owners: Callable[[UUID], frozenset[UUID]], changed: Callable[[UUID], None]
    ) -> None:
        self._database = database
        self._owners = owners
        self._changed = changed
        self._counted: dict[UUID, Counted] = {}
        self._due: dict[UUID, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(1)
        self._is_stopped = False

    def of(self, account_id: UUID) -> dict[UUID, ViewTotal]:
        """The last counts of an account."""
        counted = self._counted.get(account_id)
        return counted.views if counted else {}

    def include(self, account_id: UUID, owner_id: UUID) -> None:
        """Count the views of an account soon, unless those of the owner are counted already."""
        counted = self._counted.get(account_id)
        if counted is None or owner_id not in counted.owners:
            self._schedule(account_id)

    def note(self, account_id: UUID, event: str) -> None:
        """Count again after an event that may change a count."""
        counted = self._counted.get(account_id)
        if counted is None or counted.views or event == CHANGING_VIEWS:
            self._schedule(account_id)

    def forget(self, account_id: UUID) -> None:
        self._counted.pop(account_id, None)

    async def stop(self) -> None:
        """Count no more."""
        self._is_stopped = True
        for timer in self._due.values():
            timer.cancel()
        await end(*self._running)

    def _schedule(self, account_id: UUID, least_seconds: float = 0.0) -> None:
        """Count an account after a delay, unless it is counted then anyway."""
        if account_id in self._due or self._is_stopped:
            return
        counted = self._counted.get(account_id)
        seconds = max(DELAY_SECONDS, least_seconds, PACE * counted.seconds if counted else 0)
        self._due[account_id] = asyncio.get_running_loop().call_later(seconds, self._begin, account_id)

    def _begin(self, account_id: UUID) -> None:
        task = asyncio.ensure_future(self._refresh(account_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _refresh(self, account_id: UUID) -> None:
        async with self._turn:
            self._due.pop(account_id, None)  # a change from now on is counted again
            owners = self._owners(account_id)
            if not owners:
                self.forget(account_id)
                return
            counted = await self._count(account_id, owners)
        before = self.of(account_id)
        self._counted[account_id] = counted
        if counted.has_failed:
            self._schedule(account_id, RETRY_SECONDS)
        if counted.views != before:
            self._changed(account_id)

    async def _count(self, account_id: UUID, owners: frozenset[UUID]) -> Counted:
        """A transaction for each view, so that none holds a connection for long.

        A view that takes too long is left out. While PostgreSQL is unavailable, the last counts stay.
        """
        began = monotonic()
        known = self._counted.get(account_id, Counted(owners=frozenset()))
        found: dict[UUID, ViewTotal] = {}
        has_failed = False
        try:
            async with self._database.account(account_id) as tx:
                views = await counts.scanned_views(tx, owners=owners)
        except HummDeskError as error:
            _log_failure(account_id, error)
            return _kept(known, error, monotonic() - began)
        for view in views:
            try:
                async with self._database.account(account_id) as tx:
                    total = await counts.of_view(tx, view)
            except HummDeskError as error:
                _log_failure(account_id, error, view_id=view.id)
                if not is_timeout(error):
                    return replace(_kept(known, error, monotonic() - began), views=known.views | found)
                has_failed = True
                continue
            if total is not None:
                found[view.id] = total
        return Counted(owners=owners, seconds=monotonic() - began, has_failed=has_failed, views=found)


def _kept(known: Counted, error: HummDeskError, seconds: float) -> Counted:
    """The last counts. Only the time of a slow query counts towards PACE, not that of an outage."""
    return replace(known, seconds=seconds if is_timeout(error) else known.seconds, has_failed=True)


def _log_failure(account_id: UUID, error: HummDeskError, **more: UUID) -> None:
    ids = {name: str(value) for name, value in {"account_id": account_id, **more}.items()}
    log.warning("view_counts.failed", extra={**ids, "error": error.code})
