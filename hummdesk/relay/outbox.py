"""The relay's part that tells of messages and conversations whose web process did not live to tell of them."""

import asyncio
from functools import partial
from typing import Any

from hummdesk.core import metrics
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Conversation, Message
from hummdesk.publish.events.conversations import ConversationCreated
from hummdesk.publish.outbox import message_events, publish_updates
from hummdesk.publish.publisher import Publisher
from hummdesk.storage import outbox
from hummdesk.storage.database import Database
from hummdesk.storage.outbox import OutboxEntry

BATCH = 100
OVERDUE_SECONDS = 0.75
"""An entry of the outbox this old is told: with the relay's sweep, within two seconds of its commit."""
TELL_SECONDS = 2.0
"""Longest wait for Redis to take what is told."""


class OutboxRelay:
    def __init__(self, every: Database, one: Database, publisher: Publisher) -> None:
        """`every` sees the outbox of all accounts, `one` all of one account."""
        self._every = every
        self._one = one
        self._publisher = publisher

    async def tell(self) -> None:
        """Tell what is overdue. An entry goes when Redis has its events; what is told twice is heard once.

        Raises Unavailable while Redis is away: no more is given to it then than one event that waits.
        """
        if not await self._publisher.settle(timeout=0):
            raise Unavailable
        more = True
        while more:
            async with self._every.everywhere() as tx:
                entries = await outbox.overdue(tx, BATCH, older_than_seconds=OVERDUE_SECONDS)
            for entry in entries:
                await self._tell_of(entry)
                async with self._every.everywhere() as tx:
                    await outbox.remove(tx, entry)
            more = len(entries) == BATCH

    async def measure(self) -> None:
        async with self._every.everywhere() as tx:
            backlog = await outbox.backlog(tx)
        metrics.OUTBOX_ENTRIES.set(backlog.entries)
        metrics.OUTBOX_OLDEST_SECONDS.set(backlog.oldest_seconds)

    async def _tell_of(self, entry: OutboxEntry) -> None:
        try:
            subject = await self._look_up(entry)
        except NotFound:
            return  # an operator has deleted it
        try:
            async with asyncio.timeout(TELL_SECONDS):
                if isinstance(subject, Message):
                    await self._tell_message(entry, subject)
                elif entry.seq == outbox.NEW_CONVERSATION:
                    await self._publisher.publish(ConversationCreated.of(subject))
                else:
                    await publish_updates(self._publisher, partial(self._look_up_changed, entry))
        except TimeoutError:
            raise Unavailable from None

    async def _look_up(self, entry: OutboxEntry) -> Any:
        async with self._one.account(entry.account_id) as tx:
            return await outbox.subject(tx, entry)

    async def _look_up_changed(self, entry: OutboxEntry) -> list[Conversation]:
        return [await self._look_up(entry)]

    async def _tell_message(self, entry: OutboxEntry, message: Message) -> None:
        """Whatever was before it in its conversation has been told: by its process, or from an older entry."""
        events = message_events(
            entry.account_id, message, has_recent_predecessor=False, reopened_from=entry.reopened_from
        )
        await self._publisher.publish(*events)
