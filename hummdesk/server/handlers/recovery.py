"""Which sockets come back after a short loss, and with what: never more than they may hear now, never a part."""

import re
from dataclasses import dataclass
from uuid import UUID

from orjson import Fragment

from hummdesk.bus.envelope import Event
from hummdesk.bus.recovery_store import RecoverableSession, RecoveryStore
from hummdesk.bus.shards import START, moment
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.core import tokens
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.metrics import RECOVERIES
from hummdesk.core.models import Person
from hummdesk.engine import MissedEvent, Recovery, RecoveryRequest
from hummdesk.publish import rooms
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection, viewers
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations

MOST_MISSED = 1000
"""Who has missed more loads anew, which is less."""

_OFFSET = re.compile(r"(\d{1,15}-\d{1,10})(?:\.(\d{1,4}))?", re.ASCII)


class NotRecovered(Exception):
    """`outcome` is the metric's label."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


async def recover(context: ServerContext, absences: RecoveryStore, claim: RecoveryRequest) -> Recovery | None:
    """What a client may have back; None: nothing, and it begins anew."""
    try:
        back = await _find(context, absences, claim)
    except NotRecovered as refusal:
        RECOVERIES.labels(refusal.outcome).inc()
        return None
    except HummDeskError as refusal:
        RECOVERIES.labels("unavailable" if isinstance(refusal, Unavailable) else "token").inc()
        return None
    return Recovery(sid=back.session.sid, read_missed=back.missed, join_rooms=back.enter, on_recovered=back.welcome)


async def _find(context: ServerContext, absences: RecoveryStore, claim: RecoveryRequest) -> "_Back":
    """Verify the token before the session is claimed, so that nobody can use up another one's."""
    offset = _OFFSET.fullmatch(claim.offset)
    if offset is None:
        raise NotRecovered("offset")
    token = connection.find_token(
        claim.auth, claim.environ.get("HTTP_AUTHORIZATION", ""), claim.environ["QUERY_STRING"]
    )
    if token is None:
        raise NotRecovered("token")
    claims = tokens.verify(context.settings, token)
    absent = await absences.claim(claim.pid)
    if absent is None:
        raise NotRecovered("unknown")
    if (claims.account_id, claims.user_id) != (absent.account_id, absent.person_id):
        raise NotRecovered("person")
    session = connection.new_session(context, sid=absent.sid, pid=claim.pid, address=claim.environ["REMOTE_ADDR"])
    context.sockets.returning.add(session)
    reader = await context.reader.follow(absent.account_id)
    person = await connection.find_settled(context, session, claims)
    session.claimed = person.id
    visible = await _visible(context, person, absent.joined)
    entry, place = offset[1], None if offset[2] is None else int(offset[2])
    if not await reader.reach(entry, place):
        raise NotRecovered("gap")
    return _Back(context, session, claim, person, claims, absent, visible, reader, entry, place)


async def _visible(context: ServerContext, viewer: Person, joined: list[UUID]) -> set[UUID]:
    """The conversations among those joined that the person may still see."""
    if not joined:
        return set()
    async with context.database.account(viewer.account_id) as tx:
        return await conversations.visible(tx, viewer=viewer, ids=joined)


@dataclass(frozen=True, slots=True)
class _Back:
    context: ServerContext
    session: ClientSession
    claim: RecoveryRequest
    person: Person
    claims: tokens.Claims
    absent: RecoverableSession
    visible: set[UUID]
    reader: ShardReader
    entry: str
    place: int | None

    def missed(self) -> list[MissedEvent] | None:
        try:
            return self._missed()
        except NotRecovered as refusal:
            RECOVERIES.labels(refusal.outcome).inc()
            return None

    def _missed(self) -> list[MissedEvent]:
        if self.session.is_doubtful:
            raise NotRecovered("changed")
        events = self.reader.after(self.entry, self.place)
        if events is None:
            raise NotRecovered("gap")
        entered = self._entered()
        found = [event for event in events if self._would_have_heard(event, entered)]
        if len(found) > MOST_MISSED:
            raise NotRecovered("too_many")
        return [MissedEvent(event.event, Fragment(event.body), event.offset) for event in found]

    def _entered(self) -> dict[str, str]:
        """The rooms it was in and may be in, with the place in the stream at which it entered each."""
        may_enter = connection.own_rooms(self.person)
        for conversation_id in self.visible:
            may_enter |= rooms.of_joined(conversation_id, is_staff=self.person.is_staff)
        return {room: entered for room, entered in self.absent.rooms.items() if room in may_enter}

    def _would_have_heard(self, event: Event, entered: dict[str, str]) -> bool:
        if event.is_volatile or not self.absent.rooms.keys().isdisjoint(event.except_rooms):
            return False
        at = moment(event.offset.partition(".")[0])
        return any(room in entered and at > moment(entered[room] or START) for room in event.rooms)

    def enter(self) -> None:
        self.session.claimed = None
        self.claim.environ.clear()  # it is kept for as long as the socket, a token with it
        self.context.sockets.add(self.session)
        connection.settle(self.context, self.session, self.person, self.claims)
        entered = self._entered()
        self.context.sockets.enter(self.session, *entered)
        self.session.rooms |= entered
        self.session.joined |= self.visible

    async def welcome(self) -> None:
        """Presence goes on: to others, nobody was away."""
        RECOVERIES.labels("recovered").inc()
        await connection.welcome(self.context, self.session, self.person)
        for conversation_id in self.visible:
            await viewers.begin(self.context, self.session, conversation_id)
