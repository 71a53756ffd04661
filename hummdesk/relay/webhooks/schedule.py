"""The order of the pending deliveries of one webhook. Pure: it knows no clock, no server and no task."""

import heapq
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hummdesk.storage.webhook_deliveries import PendingDelivery

FIRST_BACKOFF_SECONDS = 2.0
LONGEST_BACKOFF_SECONDS = 600.0

FAILED_KEYS = 4
"""After failures of so many ordering keys, without a success in between, the receiver counts as unavailable. A single
conversation that the receiver does not accept does not delay the others."""
LONGEST_PAUSE_SECONDS = 60.0
"""An unavailable receiver is sent one delivery at least this often, and all of them once it has accepted it."""


class Schedule:
    def __init__(self) -> None:
        self._pending: dict[int, PendingDelivery] = {}
        self._queues: dict[UUID, list[int]] = {}
        """The numbers of each ordering key, as heaps. The first one is in flight or waits for its next attempt."""
        self._due: list[tuple[datetime, int]] = []
        """The first number of each key, as a heap, and entries that are outdated."""
        self._in_flight: dict[UUID, int] = {}
        """The delivery of each ordering key that is being attempted."""
        self._failed_keys: set[UUID] = set()
        self._paused_until: datetime | None = None
        self._pauses = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def is_receiver_available(self) -> bool:
        return len(self._failed_keys) < FAILED_KEYS

    @property
    def is_failing(self) -> bool:
        """Whether an attempt has failed since the last one that succeeded."""
        return bool(self._failed_keys)

    def add(self, deliveries: Iterable[PendingDelivery]) -> None:
        """Add deliveries; known ones are left out."""
        for one in deliveries:
            if one.number not in self._pending:
                self._pending[one.number] = one
                queue = self._queues.setdefault(one.ordering_key, [])
                heapq.heappush(queue, one.number)
                if queue[0] == one.number:
                    self._offer(one.ordering_key)

    def take(self, now: datetime, most: int) -> list[PendingDelivery]:
        """Return the deliveries to attempt now: of each ordering key at most one, the one that is due first first.

        To an unavailable receiver one is sent at the end of each pause, whenever its own next attempt is.
        """
        if self._is_paused(now) or (not self.is_receiver_available and self._in_flight):
            return []
        until = now if self.is_receiver_available else datetime.max.replace(tzinfo=now.tzinfo)
        most = most if self.is_receiver_available else min(most, 1)
        taken: list[PendingDelivery] = []
        while len(taken) < most and self._skip_outdated() and self._due[0][0] <= until:
            one = self._pending[heapq.heappop(self._due)[1]]
            self._in_flight[one.ordering_key] = one.number
            taken.append(one)
        return taken

    def put_back(self, number: int) -> None:
        """Offer a delivery again that was taken and not attempted."""
        key = self._pending[number].ordering_key
        del self._in_flight[key]
        self._offer(key)

    def deliver(self, number: int, *, now: datetime) -> None:
        """End a delivery that the receiver has accepted. If it was unavailable, all others become due."""
        was_available = self.is_receiver_available
        self._failed_keys.clear()
        self._remove(number)
        if not was_available:
            self._paused_until, self._pauses = None, 0
            for key in self._queues:
                self._make_due(key, now)

    def postpone(self, number: int, *, now: datetime, pause: float = 0.0) -> PendingDelivery:
        """Schedule the next attempt of a delivery that has failed; return its new state.

        `pause`: for how many seconds the receiver has asked to be sent nothing.
        """
        failed = self._pending[number]
        later = now + timedelta(seconds=max(backoff(failed.attempts, LONGEST_BACKOFF_SECONDS), pause))
        self._pending[number] = replace(failed, attempts=failed.attempts + 1, next_attempt_at=later)
        del self._in_flight[failed.ordering_key]
        self._offer(failed.ordering_key)
        self._fail(failed.ordering_key, now, pause)
        return self._pending[number]

    def set_aside(self, number: int, *, now: datetime) -> None:
        """End a delivery that has failed for the last time; the next one of its ordering key follows."""
        key = self._pending[number].ordering_key
        self._remove(number)
        self._fail(key, now, 0.0)

    def expire(self, now: datetime) -> list[PendingDelivery]:
        """End all deliveries to an unavailable receiver whose time is over, and return them."""
        if self.is_receiver_available:
            return []
        in_flight = set(self._in_flight.values())
        expired = [one for one in self._pending.values() if one.give_up_at <= now and one.number not in in_flight]
        for one in expired:
            self._remove(one.number)
        return expired

    def next_at(self, now: datetime) -> datetime | None:
        """When `take` may return something; None if only the end of an attempt, or an addition, changes that."""
        if not self._skip_outdated() or (not self.is_receiver_available and self._in_flight):
            return None
        first = self._due[0][0] if self.is_receiver_available else now
        return first if self._paused_until is None else max(first, self._paused_until)

    def _is_paused(self, now: datetime) -> bool:
        return self._paused_until is not None and now < self._paused_until

    def _fail(self, key: UUID, now: datetime, pause: float) -> None:
        self._failed_keys.add(key)
        if not self.is_receiver_available and not self._is_paused(now):
            pause = max(pause, backoff(self._pauses, LONGEST_PAUSE_SECONDS))
            self._pauses += 1
        if pause:
            self._paused_until = now + timedelta(seconds=min(pause, LONGEST_PAUSE_SECONDS))

    def _remove(self, number: int) -> None:
        key = self._pending.pop(number).ordering_key
        if self._in_flight.get(key) == number:
            del self._in_flight[key]
        queue = self._queues[key]
        queue.remove(number)
        heapq.heapify(queue)
        if queue:
            self._offer(key)
        else:
            del self._queues[key]

    def _offer(self, key: UUID) -> None:
        """Add the first number of a key to the heap, unless one of the key is in flight."""
        if key not in self._in_flight:
            first = self._queues[key][0]
            heapq.heappush(self._due, (self._pending[first].next_attempt_at, first))

    def _make_due(self, key: UUID, now: datetime) -> None:
        first = self._pending[self._queues[key][0]]
        if first.next_attempt_at > now:
            self._pending[first.number] = replace(first, next_attempt_at=now)
            self._offer(key)

    def _skip_outdated(self) -> bool:
        """Remove outdated entries from the heap's top; return whether a current one is left."""
        while self._due and not self._is_current(*self._due[0]):
            heapq.heappop(self._due)
        return bool(self._due)

    def _is_current(self, at: datetime, number: int) -> bool:
        one = self._pending.get(number)
        if one is None or one.next_attempt_at != at or one.ordering_key in self._in_flight:
            return False
        return self._queues[one.ordering_key][0] == number


def backoff(attempts: int, longest: float) -> float:
    """Return the seconds after so many failed attempts: they double, up to a limit, with jitter."""
    return min(longest, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempts, 30)) * random.uniform(0.5, 1)
