"""The sockets of this process, their persons and their rooms."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID
from weakref import WeakSet

from orjson import Fragment

from hummdesk.bus.envelope import Event
from hummdesk.bus.shards import Shard
from hummdesk.core.errors import Conflict, Unauthorized
from hummdesk.core.metrics import DELIVERIES, DISCONNECTS
from hummdesk.core.models import ANSWERING, Person, Role
from hummdesk.engine import SocketIOServer
from hummdesk.publish import rooms
from hummdesk.publish.events.base import Payload, SocketEvent
from hummdesk.publish.events.connection import DisconnectCode, DisconnectReason
from hummdesk.server.connection_counts import ConnectionCounts
from hummdesk.server.rate_limits import TokenBucket, refusals_bucket

LONGEST_TIMER_SECONDS = 86_400.0
MAX_JOINED = 200
"""Conversations that a socket can have joined: its rooms are saved for recovery with each change."""

NEVER = float("-inf")


@dataclass(slots=True, eq=False, weakref_slot=True)
class ClientSession:
    """The state of one socket. `person` is None before it has authenticated, and after its token has expired."""

    sid: str
    pid: str
    """The private id, by which only its own client can recover it."""
    address: str
    """As `network_of` returns it."""
    bucket: TokenBucket
    connected_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_activity: datetime = field(init=False)
    person: Person | None = None
    role_limit: Role = "viewer"
    """The role in the token, which limits that of the person."""
    signed_with: str | None = None
    """The name of the account's key that signed the token."""
    staff_session_id: UUID | None = None
    """The sign-in for which the token was issued."""
    pending_person_id: UUID | None = None
    """The person named by a token, while the database is queried."""
    has_pending_change: bool = False
    """The pending person was changed during the query, which is repeated."""
    joined: frozenset[UUID] = frozenset()
    """Most sockets are in few conversations or none, and an empty set is a quarter of a kilobyte."""
    rooms: dict[str, str] = field(default_factory=dict)
    """With the position in the event stream at which it entered each."""
    is_recoverable: bool = True
    saved_at: float = NEVER
    """When it was last saved for recovery, on the monotonic clock."""
    is_known: bool = False
    """It has been authenticated, even if its token has expired since."""
    closing: bool = False
    """The server has begun to close it."""
    closed: bool = False
    timer: asyncio.TimerHandle | None = None
    refusals: TokenBucket = field(default_factory=refusals_bucket)
    """One token for each request beyond a limit; when it is empty the socket is closed."""

    def __post_init__(self) -> None:
        self.last_activity = self.connected_at

    @property
    def authenticated_person(self) -> Person:
        """The person. Raises Unauthorized if there is none."""
        if self.person is None:
            raise Unauthorized
        return self.person

    def touch(self) -> None:
        self.last_activity = datetime.now(UTC)

    def has_presence(self) -> bool:
        return self.person is not None and self.person.role in ANSWERING

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do `action` at a time of the system's clock, unless the socket closes before; replaces an earlier action."""
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


@dataclass(slots=True, eq=False)
class Deliveries:
    """Whether events of a conversation were delivered while it was watched, by `SocketRegistry.watching`."""

    has_any: bool = False


class SocketRegistry:
    def __init__(
        self,
        server: SocketIOServer,
        *,
        position: Callable[[UUID], str] | None,
        shard_of: Callable[[UUID], Shard],
        counts: ConnectionCounts,
    ) -> None:
        """
        `position`: returns the last delivered offset of an account; without it events carry no offset.
        `shard_of`: returns the shard of which its events are delivered.
        """
        self._server = server
        self._position = position
        self._shard_of = shard_of
        self.counts = counts
        self.sessions: dict[str, ClientSession] = {}
        self.recovering: WeakSet[ClientSession] = WeakSet()
        """Sessions whose recovery is in progress."""
        self._watched: defaultdict[bytes, list[Deliveries]] = defaultdict(list)
        """By the id of the conversation, as payloads contain it."""

    def add(self, session: ClientSession) -> None:
        self.sessions[session.sid] = session
        self.counts.add(session.person)

    def remove(self, session: ClientSession) -> None:
        session.closed = True
        session.cancel()
        self.counts.remove(session.person)
        del self.sessions[session.sid]

    def identify(self, session: ClientSession, person: Person | None) -> None:
        """Set the person of a socket, or None if it is no longer authenticated."""
        self.counts.remove(session.person)
        session.person = person
        session.is_known |= person is not None
        self.counts.add(session.person)
        self._server.set_authenticated(session.sid, person is not None)

    def mark_changed(self, person_id: UUID) -> None:
        """Make the sockets that are authenticating as a changed person query it again."""
        for session in (*self.sessions.values(), *self.recovering):
            if session.pending_person_id == person_id:
                session.has_pending_change = True

    def mark_all_changed(self) -> None:
        """Make all sockets that are authenticating query their person again."""
        for session in (*self.sessions.values(), *self.recovering):
            session.has_pending_change = True

    def of_person(self, person_id: UUID) -> list[ClientSession]:
        return [session for session in self.sessions.values() if session.person and session.person.id == person_id]

    def of_account(self, account_id: UUID) -> list[ClientSession]:
        sessions = self.sessions.values()
        return [session for session in sessions if session.person and session.person.account_id == account_id]

    def enter(self, session: ClientSession, *names: str) -> None:
        """Enter rooms. Raises Unauthorized if the socket was closed or lost its person while the caller waited."""
        if session.closed or session.person is None:
            raise Unauthorized
        self._server.join_rooms(session.sid, *names)
        for room in names:
            session.rooms.setdefault(room, self._offset(session) or "")

    def leave(self, session: ClientSession, *names: str) -> None:
        self._server.leave_rooms(session.sid, *names)
        for room in names:
            session.rooms.pop(room, None)

    def check_capacity(self, session: ClientSession, conversation_id: UUID | None = None) -> None:
        """Raise Conflict if the socket has joined too many conversations to join this one, or a new one."""
        if len(session.joined) >= MAX_JOINED and conversation_id not in session.joined:
            raise Conflict(f"This socket has joined {MAX_JOINED} conversations; leave one first")

    def join_conversation(self, session: ClientSession, person: Person, conversation_id: UUID) -> None:
        """Enter the room of the conversation, and as staff that of its staff too."""
        self.enter(session, *rooms.of_joined(conversation_id, is_staff=person.is_staff))
        session.joined |= {conversation_id}

    def leave_conversation(self, session: ClientSession, conversation_id: UUID) -> None:
        session.joined -= {conversation_id}
        self.leave(session, rooms.conversation(conversation_id), rooms.conversation_staff(conversation_id))

    def send(self, session: ClientSession, event: SocketEvent) -> Payload:
        """Send an event to one socket, and return its payload. It is not recovered if it gets lost."""
        payload = event.payload()
        self._server.deliver(event.event_name, payload, rooms=[session.sid], offset=self._offset(session))
        return payload

    @contextmanager
    def watching(self, conversation_id: UUID) -> Iterator[Deliveries]:
        """Notice the delivered events of any room whose payload names a conversation, other than volatile ones."""
        deliveries, named = Deliveries(), str(conversation_id).encode()
        self._watched[named].append(deliveries)
        try:
            yield deliveries
        finally:
            self._watched[named].remove(deliveries)
            if not self._watched[named]:
                del self._watched[named]

    def deliver(self, event: Event) -> None:
        """Deliver an event to the sockets of this process that are in one of its rooms and in no excepted one."""
        if self._watched and not event.is_volatile:
            for named, watching in self._watched.items():
                if named in event.body:
                    for deliveries in watching:
                        deliveries.has_any = True
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
        self,
        session: ClientSession,
        *,
        code: DisconnectCode,
        message: str,
        reconnect: bool,
        is_recoverable: bool = False,
    ) -> None:
        """Send the reason, then close the connection; the socket receives no further events."""
        session.is_recoverable = is_recoverable
        session.closing = True
        DISCONNECTS.labels(code).inc()
        self.send(session, DisconnectReason(code=code, message=message, reconnect=reconnect))
        self._server.close_session(session.sid, reconnect=reconnect)

    def resynchronize(self, shard: Shard | None = None) -> None:
        """Close the sockets of a shard of which Redis has lost events: their clients load the current state.

        Without a shard, those of all: PostgreSQL may have lost transactions.
        """
        for session in list(self.sessions.values()):
            if session.person is not None and shard in (None, self._shard_of(session.person.account_id)):
                self.close(session, code="RESYNC", message="Events were lost; reconnect and reload", reconnect=True)

    def _offset(self, session: ClientSession) -> str | None:
        """Return the offset up to which the socket has received everything; empty if it has no person.

        Also empty if it is not recoverable, so that its client cannot claim it before the disconnect is recorded.
        """
        if self._position is None:
            return None
        return self._position(session.person.account_id) if session.person and session.is_recoverable else ""
