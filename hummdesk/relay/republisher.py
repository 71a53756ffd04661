"""The loop that publishes overdue events again, whatever store remembers them. See publish/receipts.py."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from hummdesk.core.errors import Unavailable
from hummdesk.publish.publisher import Publisher

BATCH = 100
REPUBLISH_SECONDS = 2.0
"""Longest wait for the events of one receipt to be stored."""

Key = TypeVar("Key")


class ReceiptStore(Protocol[Key]):
    """Remembers changes whose events are not confirmed as published."""

    async def overdue(self, limit: int) -> list[Key]:
        """The oldest receipts that their process should have confirmed by now."""

    async def republish(self, key: Key) -> None:
        """Publish the events of a receipt and confirm it. Clients receive no repeat: events have deduplication keys."""


class Republisher:
    def __init__(self, publisher: Publisher, stores: Sequence[ReceiptStore[Any]]) -> None:
        self._publisher = publisher
        self._stores = stores

    async def republish(self) -> None:
        """Republish what is overdue. A store that fails does not stop the others; its error is raised at the end.

        Raises Unavailable while Redis is unavailable: the stream writer must not be given more events to keep.
        """
        if not await self._publisher.drain(timeout=0):
            raise Unavailable
        results = await asyncio.gather(*map(self._republish, self._stores), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    async def _republish(self, store: ReceiptStore[Any]) -> None:
        is_full = True
        while is_full:
            keys = await store.overdue(BATCH)
            for key in keys:
                await _in_time(store, key)
            is_full = len(keys) == BATCH


async def _in_time(store: ReceiptStore[Key], key: Key) -> None:
    try:
        async with asyncio.timeout(REPUBLISH_SECONDS):
            await store.republish(key)
    except TimeoutError:
        raise Unavailable from None
