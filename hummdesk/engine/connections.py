"""The open connections of a server: counted by state and address, and limited."""

import ipaddress
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from hummdesk.engine.observer import CloseReason, ConnectionState, Observer, RefusalReason

IPV6_NETWORK_BITS = 64
"""One subscriber has at least these many bits of addresses, and is one client: RFC 6177."""

MAX_ADDRESS_CHARACTERS = 64
"""A proxy may report anything as an address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """The largest numbers of open sessions; 0 is no limit. A session is open until its handlers have ended.

    `total`: beyond it new sessions are refused with 503. WebSockets in their closing handshake count too.
    `per_address`: beyond it new sessions of the address are refused with 429; an IPv6 address counts as its /64.
    `unauthenticated`: beyond it the oldest session that is not marked by `set_authenticated` is closed, so that
    clients which connect and authenticate at once succeed however many others hold sessions open.
    """

    total: int = 0
    per_address: int = 0
    unauthenticated: int = 0


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, the /64 of an IPv6 address, any other text as it is."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address[:MAX_ADDRESS_CHARACTERS]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


class LimitedSession(Protocol):
    closing: bool
    network: str
    state: ConnectionState | None
    """None before `add` and after `remove`."""

    def __hash__(self) -> int: ...
    def close(self, reason: CloseReason) -> None: ...


class Connections:
    """Counts the sessions of a server. Every open session is counted, whatever its state."""

    def __init__(self, limits: ConnectionLimits, observer: Observer) -> None:
        self.limits = limits
        self._observer = observer
        self._by_state: Counter[ConnectionState] = Counter()
        self._by_network: Counter[str] = Counter()
        self._unauthenticated: dict[LimitedSession, None] = {}
        """The oldest first."""

    def count(self, *states: ConnectionState) -> int:
        """Return the number of open sessions in any of these states; without states, of all."""
        return sum(self._by_state[state] for state in states or ConnectionState)

    def count_of(self, address: str) -> int:
        """Return the number of open sessions of an address; for IPv6, of its /64."""
        return self._by_network.get(network_of(address), 0)

    def refusal(self, address: str, *, closing: int = 0) -> RefusalReason | None:
        """Return why an address cannot open another session. `closing`: connections that are no longer a session's."""
        if self.limits.total and self.count() + closing >= self.limits.total:
            return RefusalReason.TOO_MANY
        if self.limits.per_address and self.count_of(address) >= self.limits.per_address:
            return RefusalReason.TOO_MANY_OF_ADDRESS
        return None

    def add(self, session: LimitedSession) -> None:
        """Count a new session; at the limit, evict the oldest one that is not authenticated."""
        self._by_network[session.network] += 1
        self._set_state(session, ConnectionState.OPENED)
        limit = self.limits.unauthenticated
        if limit and len(self._unauthenticated) > limit:
            oldest = next(iter(self._unauthenticated))
            del self._unauthenticated[oldest]
            oldest.close(CloseReason.EVICTED)

    def change(self, session: LimitedSession, state: ConnectionState) -> None:
        """Set the state of a session, unless it is closing or has ended."""
        if session.state not in (None, state) and not session.closing:
            self._set_state(session, state)

    def remove(self, session: LimitedSession) -> None:
        if session.state is None:
            return
        self._set_state(session, None)
        self._by_network[session.network] -= 1
        if not self._by_network[session.network]:
            del self._by_network[session.network]

    def _set_state(self, session: LimitedSession, state: ConnectionState | None) -> None:
        before, session.state = session.state, state
        if before is not None:
            self._by_state[before] -= 1
        if state is not None:
            self._by_state[state] += 1
        if state in (None, ConnectionState.AUTHENTICATED):
            self._unauthenticated.pop(session, None)
        else:
            self._unauthenticated.setdefault(session)
        self._observer.on_state_changed(before, state)
