"""Limits of what clients can make a server keep and compute: bytes of all connections together, and floods of one."""

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from hummdesk.engine.observer import CloseReason

Holder = TypeVar("Holder", bound=Hashable)

LIGHT_BYTES = 64
"""Fragments below this size and control frames are light frames: they cost CPU time and carry little."""

MAX_LIGHT_FRAMES, LIGHT_SECONDS = 256, 10.0
"""A client that sends more light frames, or packets without content, in this time is closed."""

MAX_TOTAL_BUFFERED_BYTES = 256 << 20
MAX_TOTAL_RECEIVED_BYTES = 64 << 20


class ByteBudget(Generic[Holder]):
    """Counts the bytes of each holder. Beyond the limit, those that have held bytes for the longest are evicted.

    A client that reads and writes as it should holds bytes for moments only, and so is among the last to be evicted.
    """

    __slots__ = ("_evict", "_limit", "_measure", "_sizes", "total")

    def __init__(
        self, limit: int, evict: Callable[[Holder], object], measure: Callable[[Holder], int] | None = None
    ) -> None:
        """`evict` frees the bytes of a holder. `measure` returns what a holder has, if that shrinks without a `set`."""
        self.total = 0
        self._limit = limit
        self._evict = evict
        self._measure = measure
        self._sizes: dict[Holder, int] = {}
        """The longest held first."""

    def set(self, holder: Holder, size: int) -> None:
        """Set the bytes of a holder. At the limit other holders are evicted, or this one."""
        sizes = self._sizes
        self.total += size - sizes.get(holder, 0)
        sizes[holder] = size
        if self.total > self._limit:
            self._reclaim()

    def discard(self, holder: Holder) -> None:
        self.total -= self._sizes.pop(holder, 0)

    def _reclaim(self) -> None:
        """Evict holders until a quarter of the limit is free, so that this loop is rare."""
        if self._measure is not None:
            self._sizes = {holder: self._measure(holder) for holder in self._sizes}
            self.total = sum(self._sizes.values())
        if self.total <= self._limit:
            return
        while self._sizes and self.total > self._limit * 3 // 4:
            holder = next(iter(self._sizes))
            self.discard(holder)
            self._evict(holder)


class BufferHolder(Protocol):
    """A connection that keeps bytes which its client has sent, or has not read."""

    @property
    def buffered_bytes(self) -> int: ...
    @property
    def received_bytes(self) -> int: ...
    def __hash__(self) -> int: ...
    def end(self, reason: CloseReason) -> None:
        """Close the connection without waiting for the client; report the reason."""


class Buffers:
    """The bytes that all connections of a server keep: `sent` and not read, `received` and not complete or handled."""

    def __init__(
        self, *, max_sent: int = MAX_TOTAL_BUFFERED_BYTES, max_received: int = MAX_TOTAL_RECEIVED_BYTES
    ) -> None:
        self.sent: ByteBudget[BufferHolder] = ByteBudget(
            max_sent, lambda holder: holder.end(CloseReason.SLOW_READER), lambda holder: holder.buffered_bytes
        )
        self.received: ByteBudget[BufferHolder] = ByteBudget(
            max_received, lambda holder: holder.end(CloseReason.EVICTED), lambda holder: holder.received_bytes
        )


class Allowance:
    """Allows a number of occurrences in a period."""

    __slots__ = ("_count", "_ends")

    def __init__(self) -> None:
        self._count = 0
        self._ends = 0.0

    def take(self, now: float, *, number: int, seconds: float) -> bool:
        """Count one occurrence; return whether it is allowed."""
        if now >= self._ends:
            self._count, self._ends = 0, now + seconds
        self._count += 1
        return self._count <= number
