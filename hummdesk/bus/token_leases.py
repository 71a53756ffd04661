"""Token buckets in Redis, leased in batches: the part of one process, without any I/O.

A process spends tokens that it has leased, and asks for the next batch before they run out, so that a decision waits
for Redis only when a burst is faster than the lease. It may spend the first batch of a bucket before Redis has
confirmed it, as a debt. Of N processes, each bucket therefore allows at most its burst and N batches at once, and its
rate in the long run.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

MAX_LEASES = 20_000
"""Leases of one process, about 370 bytes each. Beyond it the least recently used one is forgotten."""
MAX_RETURNED = 2_000
"""Leases that one call of `take_idle` forgets: the event loop does nothing else meanwhile."""
IDLE_SECONDS = 5.0
"""A lease that was not used for this long is returned."""
USE_SECONDS = 0.5
"""Precision of the time at which a lease was last used."""
SHORTEST_PAUSE_SECONDS = 0.05
"""A process asks for tokens of an empty bucket at most this often, whatever arrives."""
RETRY_SECONDS = 1.0
"""Pause between attempts while Redis is away."""
NEVER = float("-inf")
BATCHES = 4
"""A burst is leased in so many batches."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Allows `rate` tokens a second and `burst` at once, over all processes. A rate of 0 is no limit."""

    name: str
    rate: float
    burst: float
    batch: float = field(init=False)
    """Tokens of one lease."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch", max(1.0, self.burst / BATCHES))


Key = tuple[str, UUID | str]
"""The name of a limit, and its subject: an address, or the id of a person or an account."""


class Charge(NamedTuple):
    """Tokens to take from the bucket of one subject. More than the burst would never be allowed: the burst is taken."""

    limit: Limit
    subject: UUID | str
    tokens: float = 1.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """No tokens were taken. `limit` is the name of the limit with the longest wait."""

    limit: str
    retry_after: float
    """In seconds."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """To be sent to Redis: pay `debt`, which may be negative, then lease up to `wanted` tokens."""

    key: Key
    limit: Limit
    debt: float
    wanted: float


@dataclass(slots=True, eq=False)
class _Lease:
    limit: Limit
    tokens: float
    debt: float
    """Tokens that were spent before Redis has confirmed them."""
    used_at: float
    """To USE_SECONDS."""
    filled_at: float
    """When tokens were last added for the time that has passed, while Redis is away."""
    empty_until: float = 0.0
    """The bucket in Redis has no tokens before."""
    is_renewing: bool = False
    left: float = 0.0
    """Tokens in Redis after the last lease, at `left_at`; before the first one, at most."""
    left_at: float = 0.0


class TokenLeases:
    """The leases of this process by limit and subject."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._leases: OrderedDict[Key, _Lease] = OrderedDict()
        self._due: list[Renewal] = []
        self._away_since: float | None = None
        """When Redis has failed, until it answers."""
        self._retry_at = NEVER

    def __len__(self) -> int:
        return len(self._leases)

    @property
    def is_away(self) -> bool:
        """Whether Redis is away, so that each process applies the rates alone."""
        return self._away_since is not None

    @property
    def may_ask(self) -> bool:
        """Whether Redis has not failed a moment ago."""
        return self._clock() >= self._retry_at

    def take(self, charges: Sequence[Charge]) -> Refusal | None:
        """Take the tokens of all charges, or of none: then return a refusal."""
        now = self._clock()
        taken: list[tuple[Key, _Lease, float]] = []
        refusal: Refusal | None = None
        for limit, subject, tokens in charges:
            if not limit.rate:
                continue
            key = (limit.name, subject)
            lease = self._lease(key, limit, now)
            tokens = min(tokens, limit.burst)
            taken.append((key, lease, tokens))
            if lease.tokens < tokens:
                wait = self._wait(key, lease, tokens, now)
                if refusal is None or wait > refusal.retry_after:
                    refusal = Refusal(limit.name, wait)
        if refusal is None:
            for key, lease, tokens in taken:
                lease.tokens -= tokens
                if lease.tokens < lease.limit.batch / 2:
                    self._renew(key, lease, 0.0, now)
        return refusal

    def remaining(self, limit: Limit, subject: UUID | str) -> float:
        """Estimate the tokens that a subject has: those of this process, and those in Redis since the last lease."""
        lease = self._leases.get((limit.name, subject))
        if lease is None:
            return limit.burst
        filled = (self._clock() - lease.left_at) * limit.rate
        return max(0.0, min(limit.burst, lease.tokens + lease.left + filled))

    def take_due(self) -> list[Renewal]:
        """Return the renewals that were not sent yet."""
        due, self._due = self._due, []
        return due

    def renewed(self, renewal: Renewal, granted: float, left: float) -> None:
        """Add the tokens that Redis has granted; `left` are in the bucket after that, or a debt if negative."""
        self._away_since = None
        lease = self._leases.get(renewal.key)
        if lease is None or not lease.is_renewing:
            return
        now = self._clock()
        lease.is_renewing = False
        lease.tokens += granted
        lease.left, lease.left_at = left, now
        if granted < renewal.wanted:
            missing = min(renewal.wanted - granted, 1.0) + max(0.0, -left)
            lease.empty_until = now + max(SHORTEST_PAUSE_SECONDS, missing / renewal.limit.rate)

    def failed(self, renewal: Renewal) -> None:
        """Redis is away: refill the leases of this process at their rates until it answers."""
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        self._retry_at = now + RETRY_SECONDS
        lease = self._leases.get(renewal.key)
        if lease is not None and lease.is_renewing:
            lease.is_renewing = False
            lease.debt += renewal.debt

    def take_idle(self) -> list[Renewal]:
        """Forget leases that were not used for a while; return renewals that return their tokens.

        A lease that is being renewed is not idle: nobody would spend or return the tokens that Redis grants it.
        """
        now = self._clock()
        idle: list[tuple[Key, _Lease]] = []
        for key, lease in self._leases.items():
            if now - lease.used_at < IDLE_SECONDS or len(idle) == MAX_RETURNED:
                break
            if not lease.is_renewing:
                idle.append((key, lease))
        for key, _ in idle:
            del self._leases[key]
        return [
            Renewal(key, lease.limit, lease.debt - lease.tokens, 0.0)
            for key, lease in idle
            if lease.debt != lease.tokens
        ]

    def seconds_until_idle(self) -> float:
        """Return the seconds until a lease may be idle: the oldest one, or one that is made now."""
        oldest = next(iter(self._leases.values()), None)
        return IDLE_SECONDS if oldest is None else oldest.used_at + IDLE_SECONDS - self._clock()

    def _lease(self, key: Key, limit: Limit, now: float) -> _Lease:
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _Lease(limit, limit.batch, limit.batch, now, now)
            lease.left, lease.left_at = limit.burst - limit.batch, now
            if len(self._leases) > MAX_LEASES:
                self._leases.popitem(last=False)
        elif now - lease.used_at > USE_SECONDS:
            self._leases.move_to_end(key)
            lease.used_at = now
        if self._away_since is not None:
            since = max(lease.filled_at, self._away_since)
            lease.tokens = min(limit.burst, lease.tokens + max(0.0, now - since) * limit.rate)
            lease.filled_at = now
        return lease

    def _wait(self, key: Key, lease: _Lease, tokens: float, now: float) -> float:
        """Ask for more tokens if there may be some; return the seconds after which a retry makes sense."""
        missing = tokens - lease.tokens
        self._renew(key, lease, missing, now)
        until_filled = missing / lease.limit.rate
        if lease.is_renewing:
            return min(until_filled, SHORTEST_PAUSE_SECONDS)
        return max(until_filled, lease.empty_until - now)

    def _renew(self, key: Key, lease: _Lease, missing: float, now: float) -> None:
        if lease.is_renewing or now < lease.empty_until or now < self._retry_at:
            return
        lease.is_renewing = True
        self._due.append(Renewal(key, lease.limit, lease.debt, max(lease.limit.batch, missing)))
        lease.debt = 0.0
