"""Rate limits by token bucket, for one socket and for each client address."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_ADDRESSES = 10_000
MINUTE = 60.0


@dataclass(slots=True, eq=False)
class TokenBucket:
    """Allows `rate` requests a second, and `burst` at once. A rate of 0 is no limit."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    tokens: float = field(init=False)
    filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.filled_at = self.clock()

    def take(self) -> float:
        """Take a token. Return 0, or without taking one the seconds until the next token."""
        if not self.rate:
            return 0.0
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0


class AddressLimit:
    """Limits the requests of each client address. Beyond MAX_ADDRESSES the least recent address is forgotten."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """A limit of 0 is no limit."""
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> float:
        """Count one request. Return 0, or the seconds until one is allowed."""
        if address not in self._buckets:
            self._buckets[address] = TokenBucket(self._per_minute / MINUTE, self._per_minute, self._clock)
        self._buckets.move_to_end(address)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return self._buckets[address].take()
