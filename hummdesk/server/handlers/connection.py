"""The life of a socket: connect, authenticate, expire, change with its user, disconnect."""

import asyncio
import logging
import time
from collections.abc import Mapping
from urllib.parse import parse_qs
from uuid import UUID

from hummdesk.bus.presence import Lease
from hummdesk.core import tokens
from hummdesk.core.background import soon
from hummdesk.core.errors import Forbidden, HummDeskError, RateLimited, TokenExpired, Unauthorized, Unavailable
from hummdesk.core.models import ANSWERING, Person, Role
from hummdesk.engine import network_of
from hummdesk.publish import rooms
from hummdesk.publish.events.connection import Authenticated, AuthenticationError
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import viewers
from hummdesk.server.rate_limits import TokenBucket
from hummdesk.server.sockets import ClientSession

log = logging.getLogger(__name__)


def new_session(context: ServerContext, *, sid: str, pid: str, address: str) -> ClientSession:
    rate = context.settings.rate_limit_events_per_second
    return ClientSession(
        sid=sid,
        pid=pid,
        address=network_of(address),
        bucket=TokenBucket(rate=rate, burst=2 * rate),
    )


async def connected(context: ServerContext, session: ClientSession, token: str | None) -> None:
    """Accept a socket. Without a valid token it may only authenticate, and is closed after a while."""
    context.sockets.add(session)
    _limit_time(context, session)
    try:
        await context.rate_limits.require_address(session.address)
        if token is None:
            raise Unauthorized("No token: send authenticate with one")
        await identify(context, session, token)
    except HummDeskError as refusal:
        _refuse(context, session, refusal)


def find_token(auth: object, environ: Mapping[str, str]) -> str | None:
    """The first token of a handshake: of `auth.token`, header `Authorization: Bearer …`, query `token`."""
    if isinstance(auth, dict) and isinstance(auth.get("token"), str):
        return str(auth["token"])
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    return next(iter(parse_qs(environ.get("QUERY_STRING", "")).get("token", [])), None)


def forget_token(environ: dict[str, str]) -> str:
    """Remove everything but the address, which is returned: the engine keeps the environ as long as the connection."""
    address = environ["REMOTE_ADDR"]
    environ.clear()
    environ["REMOTE_ADDR"] = address  # for the next CONNECT on the same connection
    return address


async def authenticate(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    try:
        person = await identify(context, session, payload["token"])
    except HummDeskError as refusal:
        if session.person is None:
            _refuse(context, session, refusal)
        raise
    return Authenticated.of(person, epoch=context.epochs.current).payload()


def _refuse(context: ServerContext, session: ClientSession, refusal: HummDeskError) -> None:
    """Send the reason to a socket that could not authenticate; close it if a limit was exceeded."""
    context.sockets.send(session, AuthenticationError(error=refusal.payload()))
    if isinstance(refusal, RateLimited):
        message = f"The limit {refusal.limit} was exceeded"
        context.sockets.close(session, code="RATE_LIMITED", message=message, reconnect=False)


async def identify(context: ServerContext, session: ClientSession, token: str) -> Person:
    """Verify a token and authenticate the socket with it, or extend the session of the same person."""
    while True:
        changes = context.tokens.changes
        claims = await context.tokens.verify(token)
        if session.person is not None and not _is_of(claims, session.person):
            raise Forbidden("This socket belongs to another person")
        reader = await context.reader.follow(claims.account_id)
        person = await load_person(context, session, claims)
        may_be_revoked = claims.is_revocable and changes != context.tokens.changes
        if not may_be_revoked and context.reader.reads(claims.account_id, reader):
            break  # otherwise the shard was split meanwhile, and perhaps no one reads the new one
    if session.person is None:
        require_capacity(context, person)
    had_presence = session.has_presence()
    set_person(context, session, person, claims)
    await welcome(context, session, person, had_presence=had_presence)
    return person


def require_capacity(context: ServerContext, person: Person) -> None:
    """Refuse another socket of a person that has too many. Raises RateLimited."""
    context.rate_limits.require_socket(context.sockets.counts.of_person(person.id))


async def welcome(
    context: ServerContext, session: ClientSession, person: Person, *, had_presence: bool = False
) -> None:
    """Confirm the authentication, and begin the presence of the session unless it has one already."""
    context.sockets.send(session, Authenticated.of(person, epoch=context.epochs.current))
    await _update_presence(context, session, person, had_presence=had_presence)


async def _update_presence(
    context: ServerContext, session: ClientSession, person: Person, *, had_presence: bool
) -> None:
    """Begin or end the presence of a session by its person's role."""
    if had_presence and not session.has_presence():
        await _leave_presence(context, session, person)
    elif session.has_presence() and not had_presence:
        await _join_presence(context, session, person)


async def load_person(context: ServerContext, session: ClientSession, claims: tokens.Claims) -> Person:
    """Load the person of a token, and again if the database reports a change meanwhile. Raises Unauthorized."""
    session.pending_person_id = claims.user_id
    try:
        while True:
            session.has_pending_change = False
            person = await _find(context, claims.account_id, claims.user_id, claims.role)
            if not session.has_pending_change:
                break
    finally:
        session.pending_person_id = None
    if person is None:
        raise Unauthorized("The user of this token is unknown or disabled")
    return person


def _is_of(claims: tokens.Claims, person: Person) -> bool:
    is_same_kind = (claims.role == "customer") != person.is_staff
    return is_same_kind and (claims.user_id, claims.account_id) == (person.id, person.account_id)


async def _find(context: ServerContext, account_id: UUID, person_id: UUID, role_limit: Role) -> Person | None:
    """The person with the lower of the roles of token and database. No token of a customer finds staff, or reverse."""
    person = await context.people.find(account_id, person_id, customer=role_limit == "customer")
    return person and person.limited_to(role_limit)


def set_person(context: ServerContext, session: ClientSession, person: Person, claims: tokens.Claims) -> None:
    """Authenticate a socket until its token expires."""
    session.role_limit, session.signed_with = claims.role, claims.signed_with
    session.staff_session_id = claims.staff_session_id
    _set_person(context, session, person)
    session.at(claims.expires_at, lambda: soon(drop(context, session, TokenExpired())))


def own_rooms(person: Person) -> set[str]:
    """The rooms of a person's sockets beside those of joined conversations."""
    own = {rooms.person(person.id)}
    if person.is_staff:
        own |= {rooms.account(person.account_id), *map(rooms.team, person.team_ids)}
    else:
        own.add(rooms.customers(person.account_id))
    if person.role in ANSWERING:
        own.add(rooms.agent(person.id))
    return own


def _set_person(context: ServerContext, session: ClientSession, person: Person) -> None:
    """Set the person of a socket and its rooms. Raises Unauthorized if the socket has closed."""
    if session.closed:
        raise Unauthorized
    context.sockets.identify(session, person)
    own = own_rooms(person)
    stale = {room for room in session.rooms if not room.startswith("conversation:")} - own
    context.sockets.leave(session, *stale)
    context.sockets.enter(session, *own)
    context.recovery_saver.schedule(session)


def lease_of(session: ClientSession, person: Person) -> Lease:
    return Lease(person.account_id, person.id, session.sid)


async def _join_presence(context: ServerContext, session: ClientSession, person: Person) -> None:
    try:
        if await context.presence.join(lease_of(session, person)):
            await context.presence_publisher.publish(person, "online")
            context.router.wake(person.account_id)
    except Unavailable:
        log.warning("presence.lease_failed")  # the next renewal creates the lease


async def _leave_presence(context: ServerContext, session: ClientSession, person: Person) -> None:
    try:
        await context.presence.leave(lease_of(session, person))
    except Unavailable:
        log.warning("presence.release_failed")  # the lease expires


async def drop(context: ServerContext, session: ClientSession, reason: HummDeskError) -> None:
    """Remove person and rooms from a socket whose token or user is no longer valid, before anything waits for Redis."""
    person = session.person
    if person is None or session.closed:
        return
    await context.typing.stop_all(session)  # publishes without waiting
    views, had_presence = viewers.views_of(session, session.joined), session.has_presence()
    context.sockets.identify(session, None)
    session.joined = frozenset()
    context.sockets.leave(session, *session.rooms.copy())
    context.recovery_saver.delete(session)
    context.sockets.send(session, AuthenticationError(error=reason.payload()))
    _limit_time(context, session)
    await asyncio.gather(
        viewers.end(context, views), *([_leave_presence(context, session, person)] if had_presence else ())
    )


async def person_changed(context: ServerContext, account_id: UUID, person_id: UUID) -> None:
    """Load a person again that was changed in the database: disabled, moved, another role or team."""
    context.sockets.mark_changed(person_id)
    changed = [(session, session.person) for session in context.sockets.of_person(person_id)]
    await asyncio.gather(
        *(
            _reload(context, session, known)  # at the same time: no socket keeps its rights while another one waits
            for session, known in changed
            if known is not None and known.account_id == account_id
        )
    )


async def _reload(context: ServerContext, session: ClientSession, known: Person) -> None:
    person = await _find(context, known.account_id, known.id, session.role_limit)
    # During the query the socket may have closed, expired, or authenticated as another person.
    if session.closed or session.person is not known or person == known:
        return
    if person is None:
        await drop(context, session, Unauthorized("This user was removed or disabled"))
        return
    had_presence = session.has_presence()
    _set_person(context, session, person)
    await _update_presence(context, session, person, had_presence=had_presence)


async def signing_keys_changed(context: ServerContext, account_id: UUID) -> None:
    """End the sessions of an account whose tokens were signed with a key that is revoked. Raises Unavailable."""
    active = await context.tokens.active(account_id)
    signed = [session for session in context.sockets.of_account(account_id) if session.signed_with is not None]
    revoked = Unauthorized("The key that signed the token was revoked")
    await asyncio.gather(*(drop(context, one, revoked) for one in signed if one.signed_with not in active))


async def staff_session_changed(context: ServerContext, account_id: UUID, session_id: UUID) -> None:
    """Sign out the sockets of a staff session that is revoked. Raises Unavailable."""
    signed_in = [one for one in context.sockets.of_account(account_id) if one.staff_session_id == session_id]
    if not signed_in:
        return
    try:
        await context.tokens.sessions.require(account_id, session_id)
    except Unauthorized as ended:
        await asyncio.gather(*(drop(context, one, ended) for one in signed_in))


async def disconnected(context: ServerContext, sid: str, *, is_final: bool) -> None:
    """Clean up after a socket. `is_final`: its client disconnected on purpose, and cannot recover the session."""
    session = context.sockets.sessions.get(sid)
    if session is None:
        return
    await context.typing.stop_all(session)
    context.sockets.remove(session)
    if await context.recovery_saver.disconnect(session, is_final=is_final):
        return
    await viewers.end(context, viewers.views_of(session, session.joined))
    if session.person is not None and session.has_presence():
        await _leave_presence(context, session, session.person)


def _limit_time(context: ServerContext, session: ClientSession) -> None:
    """Close the socket if it does not authenticate in time."""
    session.at(time.time() + context.settings.auth_timeout_seconds, lambda: _close(context, session))


def _close(context: ServerContext, session: ClientSession) -> None:
    context.sockets.close(session, code="UNAUTHORIZED", message="Not authenticated in time", reconnect=False)
