"""Rate limits: of each socket in this process, of addresses, persons and accounts over all processes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from hummdesk.bus.shared_limits import SharedLimits
from hummdesk.bus.token_leases import Charge, Limit, Refusal
from hummdesk.core.config import Settings
from hummdesk.core.errors import RateLimited
from hummdesk.core.metrics import ACCOUNT_LIMITED, LIMITED, AccountLabels
from hummdesk.core.models import Person
from hummdesk.engine import network_of

MINUTE = 60.0
HOUR = 3600.0
UNKNOWN_COST = 10.0
"""Tokens for a request, or a refusal, of a socket that has never authenticated: its rates are a tenth of the others."""
_KINDS = ("messages", "bytes", "conversations", "ai_runs", "calls", "uploads")
LIMITS = (
    "tcp_connections",
    "connects",
    "visitors",
    "sign_ins",
    "address_events",
    "socket_events",
    "person_sockets",
    "person_pages",
    "account_pages",
    "refusals",
    *(f"{owner}_{kind}" for owner in ("person", "account") for kind in _KINDS),
)
"""The names of all limits: the values of `details.limit` and of the metric's label, and `refusals`."""
ACCOUNT = "account_"
"""The names of the limits of accounts begin with it."""
PAGES_PER_MINUTE = 30
"""Pages that the widgets of a person may report: more than a person reads."""
REFUSALS = 100
"""Refusals at once after which a socket is closed; a client that waits as the error says never reaches it."""
REFUSALS_PER_SECOND = 1.0


@dataclass(slots=True, eq=False)
class TokenBucket:
    """Allows `rate` tokens a second, and `burst` at once. A rate of 0 is no limit."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    tokens: float = field(init=False)
    filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.filled_at = self.clock()

    def take(self, tokens: float = 1.0) -> float:
        """Take tokens. Return 0, or without taking any the seconds until there are enough.

        More tokens than the burst would never be allowed: the whole burst is enough.
        """
        if not self.rate:
            return 0.0
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        tokens = min(tokens, self.burst)
        if self.tokens < tokens:
            return (tokens - self.tokens) / self.rate
        self.tokens -= tokens
        return 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit; an estimate, since other processes use it, too."""

    limit: Limit
    remaining: float


def refusals_bucket() -> TokenBucket:
    return TokenBucket(rate=REFUSALS_PER_SECOND, burst=REFUSALS)


class RateLimits:
    """The rate limits of a web process. The methods that `require` raise RateLimited."""

    def __init__(self, settings: Settings, shared: SharedLimits, labels: AccountLabels) -> None:
        self._shared = shared
        self._labels = labels
        self._person_sockets = settings.max_sockets_per_person
        self._connects = _per("connects", settings.rate_limit_connects_per_minute, MINUTE)
        self._visitors = _per("visitors", settings.rate_limit_visitors_per_minute, MINUTE)
        self._sign_ins = _per("sign_ins", settings.rate_limit_sign_ins_per_minute, MINUTE)
        events = settings.rate_limit_address_events_per_second
        self._address_events = Limit("address_events", events, 2 * events)
        self._messages = _Pair.of(settings, "messages", "minute")
        self._bytes = _Pair.of(settings, "bytes", "minute")
        self._conversations = _Pair.of(settings, "conversations", "hour")
        self._ai_runs = _Pair.of(settings, "ai_runs", "hour")
        self._pages = _Pair(
            _per("person_pages", PAGES_PER_MINUTE, MINUTE),
            _per("account_pages", settings.rate_limit_account_pages_per_minute, MINUTE),
        )
        self._calls = _Pair.of(settings, "calls", "minute")
        self._uploads = _Pair.of(settings, "uploads", "hour")
        for name in LIMITS:
            LIMITED.labels(name)  # exposed as 0, so that Prometheus sees the first increase

    async def close(self) -> None:
        await self._shared.close()

    async def return_idle(self) -> float:
        """Return unused tokens to Redis; return the seconds until others may be unused."""
        return await self._shared.return_idle()

    async def require_connect(self, address: str) -> None:
        await self._require(Charge(self._connects, network_of(address)))

    async def require_visitor(self, address: str) -> None:
        await self._require(Charge(self._visitors, network_of(address)))

    async def require_sign_in(self, address: str) -> None:
        await self._require(Charge(self._sign_ins, network_of(address)))

    async def require_address(self, subject: str) -> None:
        """Count what names no person yet: a CONNECT, a REST request before its token is verified, a read of a file."""
        await self._require(Charge(self._address_events, subject))

    async def require_request(self, bucket: TokenBucket, subject: str, cost: float) -> None:
        """Count a request against the bucket of its socket and the limit of its address."""
        if wait := bucket.take(cost):
            raise _refused(Refusal("socket_events", wait))
        await self._require(Charge(self._address_events, subject, cost))

    async def require_message(self, sender: Person, payload: object) -> None:
        await self._require_of(sender, *self._messages.charges(sender), *self._bytes.charges(sender, _size(payload)))

    async def require_conversation(self, customer: Person) -> None:
        await self._require_of(customer, *self._conversations.charges(customer))

    async def require_page(self, customer: Person) -> None:
        """Count a page that a widget reports."""
        await self._require_of(customer, *self._pages.charges(customer))

    async def require_call(self, caller: Person) -> None:
        """Count a request of the REST API."""
        await self._require_of(caller, *self._calls.charges(caller))

    async def require_upload(self, uploader: Person) -> None:
        """Count a file that a person begins to upload."""
        await self._require_of(uploader, *self._uploads.charges(uploader))

    def call_quotas(self, caller: Person) -> list[Quota]:
        """The limits of REST requests that are on, and what is left of them."""
        charges = [charge for charge in self._calls.charges(caller) if charge.limit.rate]
        return [Quota(limit, self._shared.remaining(limit, subject)) for limit, subject, _ in charges]

    async def allows_ai(self, sender: Person) -> bool:
        """Whether the AI may process another message of a customer; messages of staff start no run."""
        refusal = None if sender.is_staff else await self._shared.take(*self._ai_runs.charges(sender))
        if refusal is not None:
            self._count(refusal, sender)
        return refusal is None

    async def require_ai(self, agent: Person) -> None:
        """Count an AI run that a member of staff requests."""
        await self._require_of(agent, *self._ai_runs.charges(agent))

    def require_socket(self, sockets: int) -> None:
        """Refuse another socket of a person that has so many in this process."""
        if 0 < self._person_sockets <= sockets:
            raise _refused(Refusal("person_sockets", MINUTE))

    async def _require(self, *charges: Charge) -> None:
        refusal = await self._shared.take(*charges)
        if refusal is not None:
            raise _refused(refusal)

    async def _require_of(self, person: Person, *charges: Charge) -> None:
        refusal = await self._shared.take(*charges)
        if refusal is not None:
            self._count(refusal, person)
            raise RateLimited(limit=refusal.limit, retry_after=refusal.retry_after)

    def _count(self, refusal: Refusal, person: Person) -> None:
        LIMITED.labels(refusal.limit).inc()
        if refusal.limit.startswith(ACCOUNT):
            ACCOUNT_LIMITED.labels(self._labels.of(person.account_id), refusal.limit).inc()


@dataclass(frozen=True, slots=True)
class _Pair:
    """The limits of one kind for each person and for each account."""

    person: Limit
    account: Limit

    @classmethod
    def of(cls, settings: Settings, kind: str, unit: str) -> "_Pair":
        seconds = {"minute": MINUTE, "hour": HOUR}[unit]
        return cls(
            *(
                _per(f"{owner}_{kind}", getattr(settings, f"rate_limit_{owner}_{kind}_per_{unit}"), seconds)
                for owner in ("person", "account")
            )
        )

    def charges(self, person: Person, tokens: float = 1.0) -> tuple[Charge, Charge]:
        return Charge(self.person, person.id, tokens), Charge(self.account, person.account_id, tokens)


def _size(payload: object) -> int:
    """Return the bytes of a payload as JSON; 0 if it cannot be stored and is refused later."""
    try:
        return len(orjson.dumps(payload))
    except TypeError:
        return 0


def _per(name: str, number: int, seconds: float) -> Limit:
    return Limit(name, number / seconds, number)


def _refused(refusal: Refusal) -> RateLimited:
    LIMITED.labels(refusal.limit).inc()
    return RateLimited(limit=refusal.limit, retry_after=refusal.retry_after)
