"""Delivers webhooks: leases those with work, and runs a session for each.

Any number of relays may do this: a webhook is leased by one of them at a time.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from hummdesk.core import background, metrics
from hummdesk.core.periodic import Periodic
from hummdesk.relay.webhooks.session import Services, Session
from hummdesk.storage import webhook_deliveries, webhooks
from hummdesk.storage.webhooks import LeasedWebhook

LEASE_SECONDS = 15.0
"""After a relay was killed, another one goes on with its webhooks within this time."""
SURE_SECONDS = 7.0
"""For so long after a renewal, which leaves at least two thirds of the lease, a relay starts attempts."""
MAX_SESSIONS = 1_000
SESSION_INTERVAL_SECONDS = 1.0
PRUNE_PAUSE_SECONDS = 0.2

Key = tuple[UUID, UUID]


class Deliverer:
    def __init__(self, services: Services, *, log_days: int, on_failure: Callable[[Exception], object]) -> None:
        """`on_failure` reports an error of a session, whose step is retried."""
        self._services = services
        self._log_days = log_days
        self._on_failure = on_failure
        self._sessions: dict[Key, Session] = {}
        self._runners: dict[Key, Periodic] = {}

    async def lease(self) -> None:
        """Renew the leases of the sessions, end those without one, and begin new ones.

        Without sessions, whether there is work is asked in a round trip with others.
        """
        relay = self._services.relay
        if not self._sessions and not await webhooks.has_work(self._services.sweeping.shared(), relay=relay):
            return
        ends = time.monotonic() + SURE_SECONDS
        limit = MAX_SESSIONS - len(self._sessions)
        tx = self._services.database.autocommit_all(durable=False)
        leased, taken = await asyncio.gather(  # in this order, in one round trip
            webhooks.renew(tx, relay=relay, lease_seconds=LEASE_SECONDS),
            webhooks.take(tx, relay=relay, lease_seconds=LEASE_SECONDS, limit=limit),
        )
        leased += taken
        by_key = {one.key: one for one in leased}
        for key in self._sessions.keys() - by_key.keys():
            background.soon((await self._end(key)).drain())
        for webhook in leased:
            self._session(webhook).renew(webhook, lease_ends=ends)
        for key in [key for key, session in self._sessions.items() if session.is_idle]:
            await self._end(key)
            await self._release(key)

    async def measure(self) -> None:
        backlog = await webhook_deliveries.backlog(self._services.database.autocommit_all(durable=False))
        metrics.WEBHOOK_PENDING.set(backlog.pending)
        metrics.WEBHOOK_OLDEST_SECONDS.set(backlog.oldest_seconds)
        metrics.WEBHOOK_LAG_SECONDS.set(backlog.lag_seconds)
        metrics.WEBHOOKS_FAILING.set(backlog.failing)

    async def prune(self) -> float | None:
        """Delete old deliveries; return when to go on, None when none are left."""
        async with self._services.database.all_accounts(durable=False) as tx:
            deleted = await webhook_deliveries.prune(tx, days=self._log_days)
        return PRUNE_PAUSE_SECONDS if deleted == webhook_deliveries.PRUNED else None

    async def stop(self, *, grace_seconds: float) -> None:
        """Let attempts finish for up to `grace_seconds`, record them, and release the webhooks that are done."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                results = await asyncio.gather(*map(self._finish, list(self._sessions)), return_exceptions=True)
                for error in results:
                    if isinstance(error, Exception):
                        self._on_failure(error)

    def _session(self, webhook: LeasedWebhook) -> Session:
        session = self._sessions.get(webhook.key)
        if session is None:
            session = self._sessions[webhook.key] = Session(self._services, webhook)
            runner = self._runners[webhook.key] = Periodic(
                session.step, interval=SESSION_INTERVAL_SECONDS, on_failure=self._on_failure, wake=session.wake
            )
            runner.start()
        return session

    async def _finish(self, key: Key) -> None:
        await (await self._end(key)).drain()
        await self._release(key)

    async def _end(self, key: Key) -> Session:
        """Start no more attempts of a webhook."""
        await self._runners.pop(key).stop()
        return self._sessions.pop(key)

    async def _release(self, key: Key) -> None:
        account_id, webhook_id = key
        async with self._services.database.all_accounts(durable=False) as tx:
            await webhooks.release(tx, relay=self._services.relay, account_id=account_id, webhook_id=webhook_id)
