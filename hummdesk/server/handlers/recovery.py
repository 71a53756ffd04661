"""Connection state recovery: which clients resume their session, and which missed events they receive.

A client receives only events that it may see now, and all of them; otherwise it starts a new session.
"""

import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from uuid import UUID

from orjson import Fragment

from hummdesk.bus.envelope import Event
from hummdesk.bus.recovery_store import NotOwner, RecoverableSession
from hummdesk.bus.shards import START, moment
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.core import tokens
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.metrics import RECOVERIES
from hummdesk.core.models import Person
from hummdesk.engine import MissedEvent, Recovery, RecoveryRequest, network_of
from hummdesk.publish import rooms
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection, viewers
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations

MOST_MISSED = 1000
"""A client that missed more, or more than MAX_ANSWER_BYTES, starts a new session, which transfers less."""

_OFFSET = re.compile(r"(\d{1,15}-\d{1,10})(?:\.(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offset:
    """The last event that a client received. `index` is its place in the entry, None for the last."""

    entry: str
    index: int | None

    @classmethod
    def parsed(cls, text: str) -> "Offset | None":
        found = _OFFSET.fullmatch(text)
        return found and cls(found[1], None if found[2] is None else int(found[2]))


class NotRecovered(Exception):
    """The session cannot be recovered. `outcome` is the label of the metric."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def is_received(event: Event, *, entered: Mapping[str, str], left_out: Set[str]) -> bool:
    """Whether a socket in these rooms would have received an event.

    `entered` maps each room to the position in the stream at which the socket entered it; `left_out` are all its rooms,
    which exclude it from events with one of them in `except_rooms`.
    """
    if event.is_volatile or not left_out.isdisjoint(event.except_rooms):
        return False
    at = moment(event.offset.partition(".")[0])
    return any(room in entered and at > moment(entered[room] or START) for room in event.rooms)


def permitted_rooms(person: Person, visible: Collection[UUID]) -> set[str]:
    """The rooms that a socket of a person may be in, if these are the conversations that it may see."""
    permitted = connection.own_rooms(person)
    for conversation_id in visible:
        permitted |= rooms.of_joined(conversation_id, is_staff=person.is_staff)
    return permitted


async def recover(context: ServerContext, request: RecoveryRequest) -> Recovery | None:
    """Return what a client resumes with, or None if it starts a new session."""
    try:
        found = await _find(context, request)
    except NotRecovered as refusal:
        RECOVERIES.labels(refusal.outcome).inc()
        return None
    except HummDeskError as refusal:
        RECOVERIES.labels("unavailable" if isinstance(refusal, Unavailable) else "token").inc()
        return None
    return Recovery(sid=found.session.sid, read_missed=found.missed, join_rooms=found.enter, on_recovered=found.welcome)


async def _find(context: ServerContext, request: RecoveryRequest) -> "_Recoverable":
    """Verify the token before the session is claimed; the claim compares its person, and uses up no other session."""
    offset = Offset.parsed(request.offset)
    if offset is None:
        raise NotRecovered("offset")
    environ = request.environ
    token = connection.find_token(request.auth, environ)
    if token is None:
        raise NotRecovered("token")
    changes = context.tokens.changes
    await context.rate_limits.require_address(network_of(environ["REMOTE_ADDR"]))
    claims = await context.tokens.verify(token)
    stored = await _claim(context, request.pid, claims)
    session = connection.new_session(context, sid=stored.sid, pid=request.pid, address=environ["REMOTE_ADDR"])
    context.sockets.recovering.add(session)
    reader = await context.reader.follow(stored.account_id)
    person = await connection.load_person(context, session, claims)
    session.pending_person_id = person.id
    connection.require_capacity(context, person)
    visible = await _visible(context, person, stored.joined)
    if not await reader.load(offset.entry, offset.index):
        raise NotRecovered("gap")
    return _Recoverable(context, session, request, person, claims, changes, stored, visible, reader, offset)


async def _claim(context: ServerContext, pid: str, claims: tokens.Claims) -> RecoverableSession:
    try:
        stored = await context.recovery_store.claim(pid, account_id=claims.account_id, person_id=claims.user_id)
    except NotOwner:
        raise NotRecovered("person") from None
    if stored is None:
        raise NotRecovered("unknown")
    return stored


async def _visible(context: ServerContext, viewer: Person, joined: list[UUID]) -> set[UUID]:
    """The joined conversations that the person may still see."""
    if not joined:
        return set()
    async with context.database.account(viewer.account_id) as tx:
        return await conversations.visible(tx, viewer=viewer, ids=joined)


@dataclass(frozen=True, slots=True)
class _Recoverable:
    """A session that its client may resume. The engine calls the methods in their order."""

    context: ServerContext
    session: ClientSession
    request: RecoveryRequest
    person: Person
    claims: tokens.Claims
    changes: int
    """Of signing keys and staff sessions, reported before the token was verified."""
    stored: RecoverableSession
    visible: set[UUID]
    reader: ShardReader
    offset: Offset

    def missed(self) -> list[MissedEvent] | None:
        """The events that the client missed, or None if the session cannot be recovered after all."""
        try:
            return self._missed()
        except NotRecovered as refusal:
            RECOVERIES.labels(refusal.outcome).inc()
            return None

    def _missed(self) -> list[MissedEvent]:
        may_be_revoked = self.claims.is_revocable and self.changes != self.context.tokens.changes
        if self.session.has_pending_change or may_be_revoked:
            raise NotRecovered("changed")
        if not self.context.reader.reads(self.person.account_id, self.reader):
            raise NotRecovered("gap")  # the shard was split meanwhile
        events = self.reader.after(self.offset.entry, self.offset.index)
        if events is None:
            raise NotRecovered("gap")
        entered, left_out = self._entered(), self.stored.rooms.keys()
        found = [event for event in events if is_received(event, entered=entered, left_out=left_out)]
        size = sum(len(event.body) for event in found)
        if len(found) > MOST_MISSED or size > self.context.settings.max_answer_bytes:
            raise NotRecovered("too_many")
        return [MissedEvent(event.event, Fragment(event.body), event.offset) for event in found]

    def _entered(self) -> dict[str, str]:
        """The rooms of the session that are still permitted, each with the position at which it was entered."""
        permitted = permitted_rooms(self.person, self.visible)
        return {room: entered for room, entered in self.stored.rooms.items() if room in permitted}

    def enter(self) -> None:
        self.session.pending_person_id = None
        connection.forget_token(self.request.environ)
        self.context.sockets.add(self.session)
        connection.set_person(self.context, self.session, self.person, self.claims)
        entered = self._entered()
        self.context.sockets.enter(self.session, *entered)
        self.session.rooms |= entered
        self.session.joined |= self.visible

    async def welcome(self) -> None:
        """Continue presence; other clients notice nothing of the interruption."""
        RECOVERIES.labels("recovered").inc()
        await connection.welcome(self.context, self.session, self.person)
        for conversation_id in self.visible:
            await viewers.begin(self.context, self.session, conversation_id)
