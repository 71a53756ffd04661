"""Routing by the relay: it repeats what web processes begin, takes conversations back, and measures the invariants.

Any number of relays may do this: each account is decided on under a lock.
"""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from hummdesk.core import metrics
from hummdesk.routing.router import Router
from hummdesk.routing.watch import Figures, Watch
from hummdesk.storage import routing
from hummdesk.storage.database import Database

log = logging.getLogger(__name__)

MEASURE_SECONDS = 2.0
HELD_EVERY = 2
"""Every other sweep also looks for conversations that return to their queue."""
DECISION_DAYS = 30
"""Records of decisions are kept for so many days, or as long as the account keeps conversations if that is shorter."""
PAUSE_SECONDS = 0.2
"""Between two batches of deletions."""


class RoutingSweeper:
    def __init__(self, all_accounts: Database, eraser: Database, router: Router, watch: Watch) -> None:
        """`all_accounts` sees the settings of all accounts, `eraser` deletes their records."""
        self._all_accounts = all_accounts
        self._eraser = eraser
        self._router = router
        self._watch = watch
        self._sweeps = 0

    async def sweep(self) -> None:
        """Route all accounts; one that fails does not stop the others, its error is raised at the end."""
        self._sweeps += 1
        with_held = self._sweeps % HELD_EVERY == 0
        accounts = await self._accounts()
        results = await asyncio.gather(
            *(self._router.route(account_id, with_held=with_held) for account_id in accounts), return_exceptions=True
        )
        for error in results:
            if isinstance(error, BaseException):
                raise error

    async def measure(self) -> None:
        """Measure all accounts; one that fails is left out, and its error is raised at the end."""
        accounts = await self._accounts()
        self._watch.forget_others(accounts)
        found: list[Figures] = []
        failed: Exception | None = None
        for account_id in accounts:
            try:
                figures = await self._watch.figures(account_id)
            except Exception as error:
                failed = failed or error
            else:
                found += [] if figures is None else [figures]
        self._report(found)
        if failed is not None:
            raise failed

    def _report(self, found: Sequence[Figures]) -> None:
        metrics.ROUTING_STRANDED.set(sum(one.stranded for one in found))
        metrics.ROUTING_ABOVE_CAPACITY.set(sum(one.above_capacity for one in found))
        oldest = metrics.ROUTING_OLDEST_WAIT_SECONDS
        oldest.labels("account").set(max((one.oldest_account_wait for one in found), default=0))
        oldest.labels("team").set(max((one.oldest_team_wait for one in found), default=0))

    async def prune(self) -> float | None:
        """Delete a batch of old records; return when to go on, None if there are no more."""
        async with self._eraser.all_accounts() as tx:
            deleted = await routing.prune(tx, days=DECISION_DAYS)
        metrics.RETENTION_ERASED.labels("routing_record").inc(deleted)
        return PAUSE_SECONDS if deleted == routing.PRUNED else None

    def changed(self, payload: str) -> None:
        """Settings or agents of an account have changed; of any account if the payload names none."""
        account_id = _account(payload)
        self._router.forget(account_id)
        if account_id is not None:
            self._router.wake(account_id)

    async def _accounts(self) -> list[UUID]:
        return await routing.routed_accounts(self._all_accounts.shared())


def _account(payload: str) -> UUID | None:
    try:
        return UUID(payload)
    except ValueError:
        return None
