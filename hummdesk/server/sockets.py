"""The sockets of this process: who is behind each, and in which rooms it is."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID
from weakref import WeakSet

from orjson import Fragment

from hummdesk.bus.envelope import Event
from hummdesk.core.errors import Unauthorized
from hummdesk.core.metrics import ACCOUNT_CONNECTIONS, CONNECTIONS, DELIVERIES, AccountLabels
from hummdesk.core.models import ANSWERING, Person
from hummdesk.engine import SocketIOServer
from hummdesk.publish import rooms
from hummdesk.publish.events.base import SocketEvent
from hummdesk.publish.events.connection import DisconnectCode, DisconnectReason

LONGEST_TIMER_SECONDS = 86_400.0


@dataclass(slots=True, eq=False)
class TokenBucket:
    """Lets `rate` a second through, and `burst` at once. Rate 0 lets everything through."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    filled_at: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self) -> float:
        """Take one; gives 0, or the seconds until there is one."""
        if not self.rate:
            return 0.0
        moment = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (moment - self.filled_at) * self.rate)
        self.filled_at = moment
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0


@dataclass(slots=True, eq=False, weakref_slot=True)
class ClientSession:
    """What is known of one socket. `person` is None until it has authenticated, and again after its token expired."""

    sid: str
    pid: str
    """Its private id, by which its client alone can come back."""
    address: str
    bucket: TokenBucket
    connected_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_activity: datetime = field(init=False)
    person: Person | None = None
    claimed: UUID | None = None
    """Who a token said it is, while the database is asked."""
    is_doubtful: bool = False
    """The person that was claimed has changed meanwhile: ask again."""
    joined: frozenset[UUID] = frozenset()
    """Most sockets are in few conversations or none, and an empty set is a quarter of a kilobyte."""
    rooms: dict[str, str] = field(default_factory=dict)
    """With the place in the event stream at which it entered each."""
    may_return: bool = True
    kept_at: float = float("-inf")
    """When what it needs to come back was last kept, on the monotonic clock; never if that is to be done."""
    closed: bool = False
    timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.last_activity = self.connected_at

    @property
    def who(self) -> Person:
        """The person, or Unauthorized: nothing is done for a socket that was not verified."""
        if self.person is None:
            raise Unauthorized
        return self.person

    def touch(self) -> None:
        self.last_activity = datetime.now(UTC)

    def has_presence(self) -> bool:
        return self.person is not None and self.person.role in ANSWERING

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do `action` at a time of the system's clock, in place of what was planned; not if it closes earlier."""
        self.cancel()
        seconds = max(0.0, moment - time.time())
        loop = asyncio.get_running_loop()
        if seconds > LONGEST_TIMER_SECONDS:
            self.timer = loop.call_later(LONGEST_TIMER_SECONDS, self.at, moment, action)
        else:
            self.timer = loop.call_later(seconds, action)

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class SocketRegistry:
    def __init__(
        self, server: SocketIOServer, *, position: Callable[[UUID], str] | None, labelled_accounts: int
    ) -> None:
        """
        `position`: how far an account's events have been delivered here; without it no event carries its offset.
        `labelled_accounts`: so many accounts get a connection figure of their own.
        """
        self._server = server
        self._position = position
        self._labels = AccountLabels(labelled_accounts)
        self._accounts: dict[UUID, dict[str, int]] = {}
        self._changed: set[UUID] = set()
        self.sessions: dict[str, ClientSession] = {}
        self.returning: WeakSet[ClientSession] = WeakSet()
        """Sessions that are being given back to their clients."""

    def add(self, session: ClientSession) -> None:
        self.sessions[session.sid] = session
        self._count(session, 1)

    def remove(self, session: ClientSession) -> None:
        session.closed = True
        session.cancel()
        self._count(session, -1)
        del self.sessions[session.sid]

    def identify(self, session: ClientSession, person: Person | None) -> None:
        """Say who is behind a socket; None: nobody that is known any more."""
        self._count(session, -1)
        session.person = person
        self._count(session, 1)

    def doubt(self, person_id: UUID) -> None:
        """Somebody who is just authenticating has changed."""
        for session in (*self.sessions.values(), *self.returning):
            if session.claimed == person_id:
                session.is_doubtful = True

    def of_person(self, person_id: UUID) -> list[ClientSession]:
        return [session for session in self.sessions.values() if session.person and session.person.id == person_id]

    def enter(self, session: ClientSession, *names: str) -> None:
        """Enter rooms, unless the socket has closed or lost its person while the caller waited."""
        if session.closed or session.person is None:
            raise Unauthorized
        self._server.join_rooms(session.sid, *names)
        for room in names:
            session.rooms.setdefault(room, self._offset(session) or "")

    def leave(self, session: ClientSession, *names: str) -> None:
        self._server.leave_rooms(session.sid, *names)
        for room in names:
            session.rooms.pop(room, None)

    def join_conversation(self, session: ClientSession, person: Person, conversation_id: UUID) -> None:
        """Into the conversation's room, staff into that of its staff as well."""
        self.enter(session, *rooms.of_joined(conversation_id, is_staff=person.is_staff))
        session.joined |= {conversation_id}

    def leave_conversation(self, session: ClientSession, conversation_id: UUID) -> None:
        session.joined -= {conversation_id}
        self.leave(session, rooms.conversation(conversation_id), rooms.conversation_staff(conversation_id))

    def send(self, session: ClientSession, event: SocketEvent) -> None:
        """To this socket alone, and not again if it is lost on the way."""
        self._server.deliver(event.event_name, event.payload(), rooms=[session.sid], offset=self._offset(session))

    def deliver(self, event: Event) -> None:
        """To this process' sockets that are in a room of it and in none of its exceptions."""
        number = self._server.deliver(
            event.event,
            Fragment(event.body),
            rooms=event.rooms,
            except_rooms=event.except_rooms,
            offset=event.offset if self._position else None,
        )
        if number:
            DELIVERIES.labels(event.event).inc(number)

    def close(
        self, session: ClientSession, *, code: DisconnectCode, message: str, reconnect: bool, may_return: bool = False
    ) -> None:
        """Say why, then close the connection: it hears nothing after that. `may_return`: with all that it has."""
        session.may_return = may_return
        self.send(session, DisconnectReason(code=code, message=message, reconnect=reconnect))
        self._server.close_session(session.sid, reconnect=reconnect)

    def _offset(self, session: ClientSession) -> str | None:
        """All before this has been delivered to the socket; empty if it belongs to nobody, who has nothing to miss.

        Empty also for who has to begin anew: a client that is back before its departure is noticed claims in vain.
        """
        if self._position is None:
            return None
        return self._position(session.person.account_id) if session.person and session.may_return else ""

    def connections(self) -> dict[str, int]:
        """The number of sockets by role; who has not authenticated counts as `none`."""
        roles: dict[str, int] = {}
        for session in self.sessions.values():
            role = session.person.role if session.person else "none"
            roles[role] = roles.get(role, 0) + 1
        return roles

    def census(self, *, whole: bool) -> dict[UUID, dict[str, int]]:
        """The sockets by role of all accounts here, or of those where this changed since it was asked last."""
        asked = {*self._changed, *(self._accounts if whole else ())}
        self._changed.clear()
        found = {account_id: self._accounts[account_id] for account_id in asked}
        found = {account_id: {role: n for role, n in roles.items() if n} for account_id, roles in found.items()}
        for account_id, roles in found.items():
            if not roles:
                del self._accounts[account_id]
        return found

    def _count(self, session: ClientSession, change: int) -> None:
        person = session.person
        if person is None:
            CONNECTIONS.labels("none", "unauthenticated").inc(change)
        else:
            CONNECTIONS.labels(person.role, "authenticated").inc(change)
            ACCOUNT_CONNECTIONS.labels(self._labels.of(person.account_id)).inc(change)
            roles = self._accounts.setdefault(person.account_id, {})
            roles[person.role] = roles.get(person.role, 0) + change
            self._changed.add(person.account_id)
