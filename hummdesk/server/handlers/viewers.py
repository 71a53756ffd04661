"""Who of staff is looking at a conversation, told to the others of staff who do."""

import logging
from collections.abc import Set
from uuid import UUID

from hummdesk.bus.viewers import View, Viewers
from hummdesk.core.errors import Unavailable
from hummdesk.server.context import ServerContext
from hummdesk.server.sockets import ClientSession

log = logging.getLogger(__name__)


async def begin(context: ServerContext, session: ClientSession, conversation_id: UUID) -> list[dict[str, str]]:
    """Somebody of staff has joined a conversation; who looks at it now. Nobody, when Redis cannot tell."""
    try:
        found = await context.viewers.enter(_views(session, {conversation_id}))
    except Unavailable:
        log.warning("viewers wait for Redis")  # the next renewal makes the lease
        return []
    await _tell(context, found)
    return found[0].wire() if found else []


async def end(context: ServerContext, session: ClientSession, conversation_ids: Set[UUID]) -> None:
    """A socket has left conversations, or goes."""
    try:
        await _tell(context, await context.viewers.leave(_views(session, conversation_ids & session.joined)))
    except Unavailable:
        log.warning("viewers wait for Redis")  # the leases run out


async def renew(context: ServerContext) -> None:
    """Prolong what this node's sockets look at, and tell of those whose node has died. Raises Unavailable."""
    views = [view for session in context.sockets.sessions.values() for view in _views(session, session.joined)]
    await _tell(context, await context.viewers.renew(views))


async def _tell(context: ServerContext, found: list[Viewers]) -> None:
    for viewers in found:
        if viewers.changed:
            await context.broadcast.conversation_viewers(viewers)


def _views(session: ClientSession, conversation_ids: Set[UUID]) -> list[View]:
    person = session.person
    if person is None or not person.is_staff:
        return []
    return [View(person.account_id, found, person.id, session.sid, person.name) for found in conversation_ids]
