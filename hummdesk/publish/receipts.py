"""At-least-once publication.

A change that must be published is noted as pending in the same step that commits it, by the store that holds it:
PostgreSQL or Redis. The process that has committed it publishes it and confirms the note. If that process dies in
between, the note becomes overdue and the relay publishes it. Repeats are dropped by the deduplication key.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from uuid import UUID

from hummdesk.storage.outbox import EntryKey


class Receipt:
    """One outbox entry. It is pending until the stream has stored all events that were published with it."""

    __slots__ = ("_is_lost", "_outstanding", "_receipts", "key")

    def __init__(self, key: EntryKey, receipts: "Receipts") -> None:
        self.key = key
        self._receipts = receipts
        self._outstanding = 0
        self._is_lost = False

    def expect(self, stored: asyncio.Future[None]) -> None:
        """Wait for one more event. If it is dropped, the entry is left to the relay."""
        self._outstanding += 1
        stored.add_done_callback(self._on_stored)

    def hold(self) -> asyncio.Future[None]:
        """Expect more than was published yet, until the future has a result. Without one, the relay publishes it."""
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.expect(held)
        return held

    def _on_stored(self, stored: asyncio.Future[None]) -> None:
        self._outstanding -= 1
        self._is_lost = self._is_lost or stored.cancelled()
        if not self._outstanding and not self._is_lost:
            self._receipts.confirm([self.key])


class Receipts:
    """The receipts of a process. The message writer removes confirmed entries with the next transaction."""

    def __init__(self) -> None:
        self._confirmed: deque[EntryKey] = deque()
        self.has_confirmed = asyncio.Event()
        """Set with each confirmed entry."""

    def pending(self, account_id: UUID, entry_id: UUID) -> Receipt:
        """The receipt of an entry that was committed."""
        return Receipt((account_id, entry_id), self)

    def confirm(self, entries: Iterable[EntryKey]) -> None:
        """Confirm entries whose events are published."""
        self._confirmed.extend(entries)
        self.has_confirmed.set()

    def take_confirmed(self, most: int) -> list[EntryKey]:
        """At most so many confirmed entries, each once."""
        return [self._confirmed.popleft() for _ in range(min(most, len(self._confirmed)))]
