"""Publishes the positions of waiting customers that have changed: of each account at most once a second, in one relay.

A notification names an account whose queue has changed. What a relay that was killed has not published, another one
finds in the queue moves of the last minute, and at its start in all of them.
"""

import asyncio
import logging
from collections.abc import Callable, Set
from contextlib import suppress
from datetime import datetime
from time import monotonic
from uuid import UUID

from hummdesk.bus.presence import Presence, available
from hummdesk.bus.queue_positions import PublishedPositions
from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.publish.events.conversations import ConversationQueued
from hummdesk.publish.publisher import Publisher
from hummdesk.routing import positions
from hummdesk.routing.positions import MOST, QueueState
from hummdesk.storage import queue_positions
from hummdesk.storage.database import Database
from hummdesk.storage.queue_positions import QueuePosition

log = logging.getLogger(__name__)

PASS_SECONDS = 1.0
"""Between two passes over an account."""


class QueuePositions:
    def __init__(
        self,
        all_accounts: Database,
        one_account: Database,
        publisher: Publisher,
        presence: Presence,
        published: PublishedPositions,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`all_accounts` sees the queue moves of every account, `one_account` all rows of one account."""
        self._all_accounts = all_accounts
        self._one_account = one_account
        self._publisher = publisher
        self._presence = presence
        self._published = published
        self._clock = clock
        self._changed: set[UUID] = set()
        self._passed: dict[UUID, float] = {}
        """When the last pass over each account of the last second began."""
        self._is_swept = False
        self._swept: dict[UUID, datetime] = {}
        """The last move of each account that the last sweep has found."""
        self.due = asyncio.Event()

    def notice(self, payload: str) -> None:
        """Take a notification, which names an account. Any database client may notify."""
        with suppress(ValueError):
            self.change(UUID(payload))

    def change(self, account_id: UUID) -> None:
        """The queue of an account has changed."""
        if account_id not in self._changed:
            self._changed.add(account_id)
            self.due.set()

    async def sweep(self) -> None:
        """Find the accounts of recent queue moves: at the start of the process all that are kept."""
        found = await queue_positions.moved(self._all_accounts.shared(), lately=self._is_swept)
        self._is_swept = True
        for account_id, at in found.items():
            if self._swept.get(account_id) != at:
                self.change(account_id)
        self._swept = found

    def forget(self) -> None:
        """Notifications may have been lost: let the next sweep find them."""
        self._is_swept = False

    async def prune(self) -> float | None:
        """Delete a batch of old moves; return when to go on, None after the last one."""
        async with self._all_accounts.all_accounts() as tx:
            return AT_ONCE_SECONDS if await queue_positions.prune(tx) else None

    async def publish_changed(self) -> float | None:
        """Pass over the accounts that have changed; return when the next one is due, None if none is."""
        began = self._clock()
        self._passed = {one: at for one, at in self._passed.items() if began - at < PASS_SECONDS}
        for account_id in self._changed - self._passed.keys():
            self._changed.discard(account_id)
            self._passed[account_id] = self._clock()
            try:
                is_done = await self._pass(account_id)
            except BaseException:
                self._changed.add(account_id)
                raise
            if not is_done:
                self._changed.add(account_id)
        waits = [self._passed[one] + PASS_SECONDS - self._clock() for one in self._changed & self._passed.keys()]
        return max(0.0, min(waits)) if waits else None

    async def _pass(self, account_id: UUID) -> bool:
        """Publish what has changed in the queues of an account; False if another relay is doing so."""
        async with self._published.locked(account_id) as is_free:
            if not is_free:
                return False
            before = await self._published.read(account_id)
            async with self._one_account.account(account_id) as tx:
                found = await queue_positions.positions(tx, limit=MOST)
            changed = positions.changed(found, before)
            if changed:
                await self._publish(account_id, changed)
            if changed or len(before) != len(found):
                await self._published.write(account_id, {one.conversation_id: one.position for one in found})
        return True

    async def _publish(self, account_id: UUID, changed: list[QueuePosition]) -> None:
        state = await self._state(account_id, {one.queue_id for one in changed})
        queued = [state.queued(one) for one in changed]
        await self._publisher.publish_stored(
            *(
                ConversationQueued(
                    account_id=account_id,
                    conversation_id=one.conversation_id,
                    position=one.position,
                    expected_wait_seconds=one.expected_wait_seconds,
                    is_update=True,
                )
                for one in queued
            )
        )

    async def _state(self, account_id: UUID, queue_ids: Set[UUID]) -> QueueState:
        online = available(await self._presence.statuses(account_id))
        async with self._one_account.account(account_id) as tx:
            return await positions.state(tx, queue_ids, online=online)
