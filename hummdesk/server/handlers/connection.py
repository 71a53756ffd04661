"""From a socket that nobody knows to a person, and back when the token, the user or the connection ends."""

import logging
import time
from urllib.parse import parse_qs
from uuid import UUID

from hummdesk.bus.presence import Lease
from hummdesk.core import tokens
from hummdesk.core.background import soon
from hummdesk.core.errors import Forbidden, HummDeskError, TokenExpired, Unauthorized, Unavailable
from hummdesk.core.models import ANSWERING, Person
from hummdesk.publish import rooms
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import viewers
from hummdesk.server.sockets import ClientSession, TokenBucket

log = logging.getLogger(__name__)


def new_session(context: ServerContext, *, sid: str, pid: str, address: str) -> ClientSession:
    rate = context.settings.rate_limit_events_per_second
    return ClientSession(sid=sid, pid=pid, address=address, bucket=TokenBucket(rate=rate, burst=2 * rate))


async def connected(context: ServerContext, session: ClientSession, token: str | None) -> None:
    """Every socket may stay; without a good token it may only authenticate, and not for long."""
    context.sockets.add(session)
    _give_time(context, session)
    try:
        if token is None:
            raise Unauthorized("No token: send authenticate with one")
        await identify(context, session, token)
    except HummDeskError as refusal:
        context.sockets.send(session, "authentication_error", refusal.payload())


def find_token(auth: object, authorization: str, query: str) -> str | None:
    """The first token of a handshake: of `auth.token`, header `Authorization: Bearer …`, query `token`."""
    if isinstance(auth, dict) and isinstance(auth.get("token"), str):
        return str(auth["token"])
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    return next(iter(parse_qs(query).get("token", [])), None)


async def authenticate(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    try:
        person = await identify(context, session, payload["token"])
    except HummDeskError as refusal:
        if session.person is None:
            context.sockets.send(session, "authentication_error", refusal.payload())
        raise
    return person.wire()


async def identify(context: ServerContext, session: ClientSession, token: str) -> Person:
    """Verify a token and make the socket its person's, or prolong the session of the same person."""
    claims = tokens.verify(context.settings, token)
    if session.person is not None and not _names(claims, session.person):
        raise Forbidden("This socket belongs to another person")
    await context.reader.follow(claims.account_id)
    person = await find_settled(context, session, claims)
    arrives = session.person is None
    settle(context, session, person, claims)
    await welcome(context, session, person, arrives=arrives)
    return person


async def welcome(context: ServerContext, session: ClientSession, person: Person, *, arrives: bool = True) -> None:
    context.sockets.send(session, "authenticated", person.wire())
    if arrives and session.has_presence():
        await _arrive(context, session, person)


async def find_settled(context: ServerContext, session: ClientSession, claims: tokens.Claims) -> Person:
    """Look the person up, again if the database tells of a change meanwhile. Raises Unauthorized."""
    session.claimed = claims.user_id
    try:
        while True:
            session.is_doubtful = False
            person = await _find(context, claims.account_id, claims.user_id, customer=claims.role == "customer")
            if not session.is_doubtful:
                break
    finally:
        session.claimed = None
    if person is None:
        raise Unauthorized("This person is not known here, or no longer")
    return person


def _names(claims: tokens.Claims, person: Person) -> bool:
    return (claims.user_id, claims.account_id) == (person.id, person.account_id)


async def _find(context: ServerContext, account_id: UUID, person_id: UUID, *, customer: bool) -> Person | None:
    """The token says where to look first; the database decides what the person is."""
    return await context.people.find(account_id, person_id, customer=customer)


def settle(context: ServerContext, session: ClientSession, person: Person, claims: tokens.Claims) -> None:
    """Make the socket this person's, for as long as the token is good."""
    _settle_in(context, session, person)
    session.at(claims.expires_at, lambda: soon(drop(context, session, TokenExpired())))


def own_rooms(person: Person) -> set[str]:
    """Those that a person's sockets are in without joining anything."""
    own = {rooms.person(person.id)}
    if person.is_staff:
        own |= {rooms.account(person.account_id), *map(rooms.team, person.team_ids)}
    if person.role in ANSWERING:
        own.add(rooms.agent(person.id))
    return own


def _settle_in(context: ServerContext, session: ClientSession, person: Person) -> None:
    """Make the socket this person's and put it into exactly the rooms that are the person's own."""
    if session.closed:
        raise Unauthorized
    context.sockets.identify(session, person)
    own = own_rooms(person)
    stale = {room for room in session.rooms if not room.startswith("conversation:")} - own
    context.sockets.leave(session, *stale)
    context.sockets.enter(session, *own)
    context.departures.keep(session)


def lease_of(session: ClientSession, person: Person) -> Lease:
    return Lease(person.account_id, person.id, session.sid)


async def _arrive(context: ServerContext, session: ClientSession, person: Person) -> None:
    try:
        if await context.presence.join(lease_of(session, person)):
            await context.presence_publisher.publish(person, "online")
    except Unavailable:
        log.warning("presence waits for Redis")  # the next renewal makes the lease


async def _depart(context: ServerContext, session: ClientSession, person: Person) -> None:
    try:
        await context.presence.leave(lease_of(session, person))
    except Unavailable:
        log.warning("presence waits for Redis")  # the lease runs out


async def drop(context: ServerContext, session: ClientSession, reason: HummDeskError) -> None:
    """Take rooms and person from a socket whose token or user is no longer good, and say so."""
    person = session.person
    if person is None or session.closed:
        return
    await context.typing.stop_all(session)
    await viewers.end(context, session, session.joined)
    departs = session.has_presence()
    context.sockets.identify(session, None)
    session.joined = frozenset()
    context.sockets.leave(session, *session.rooms.copy())
    context.departures.forget(session)
    context.sockets.send(session, "authentication_error", reason.payload())
    _give_time(context, session)
    if departs:
        await _depart(context, session, person)


async def person_changed(context: ServerContext, account_id: UUID, person_id: UUID) -> None:
    """Look again at a person of whom the database changed something: disabled, moved, another role or team."""
    context.sockets.doubt(person_id)
    for session in context.sockets.of_person(person_id):
        if session.person is not None and session.person.account_id == account_id:
            await _look_again(context, session, session.person)


async def _look_again(context: ServerContext, session: ClientSession, known: Person) -> None:
    person = await _find(context, known.account_id, known.id, customer=known.role == "customer")
    # While the database was asked the socket may have closed, expired, or become somebody else's.
    if session.closed or session.person is not known or person == known:
        return
    if person is None:
        await drop(context, session, Unauthorized("This person is not known here any more"))
        return
    had_presence = session.has_presence()
    _settle_in(context, session, person)
    if had_presence and not session.has_presence():
        await _depart(context, session, person)
    elif session.has_presence() and not had_presence:
        await _arrive(context, session, person)


async def disconnected(context: ServerContext, sid: str, *, for_good: bool) -> None:
    """`for_good`: the client has said farewell, and does not come back as this socket."""
    session = context.sockets.sessions.get(sid)
    if session is None:
        return
    await context.typing.stop_all(session)
    context.sockets.remove(session)
    if await context.departures.leave(session, for_good=for_good):
        return
    await viewers.end(context, session, session.joined)
    if session.person is not None and session.has_presence():
        await _depart(context, session, session.person)


def _give_time(context: ServerContext, session: ClientSession) -> None:
    """Let a socket without a person stay for a while."""
    session.at(time.time() + context.settings.auth_timeout_seconds, lambda: _turn_away(context, session))


def _turn_away(context: ServerContext, session: ClientSession) -> None:
    context.sockets.close(session, code="UNAUTHORIZED", message="Not authenticated in time", reconnect=False)
