"""Who of staff is looking at a conversation, told to the others of staff who do."""

import logging
from collections.abc import Set
from uuid import UUID

from hummdesk.bus.viewers import View, Viewers
from hummdesk.core.errors import Unavailable
from hummdesk.desk import Desk
from hummdesk.sockets import Session

log = logging.getLogger(__name__)


async def begin(desk: Desk, session: Session, conversation_id: UUID) -> list[dict[str, str]]:
    """Somebody of staff has joined a conversation; who looks at it now. Nobody, when Redis cannot tell."""
    try:
        found = await desk.viewers.enter(_views(session, {conversation_id}))
    except Unavailable:
        log.warning("viewers wait for Redis")  # the next renewal makes the lease
        return []
    await _tell(desk, found)
    return found[0].wire() if found else []


async def end(desk: Desk, session: Session, conversation_ids: Set[UUID]) -> None:
    """A socket has left conversations, or goes."""
    try:
        await _tell(desk, await desk.viewers.leave(_views(session, conversation_ids & session.joined)))
    except Unavailable:
        log.warning("viewers wait for Redis")  # the leases run out


async def renew(desk: Desk) -> None:
    """Prolong what this node's sockets look at, and tell of those whose node has died. Raises Unavailable."""
    views = [view for session in desk.sockets.sessions.values() for view in _views(session, session.joined)]
    await _tell(desk, await desk.viewers.renew(views))


async def _tell(desk: Desk, found: list[Viewers]) -> None:
    for viewers in found:
        if viewers.changed:
            await desk.broadcast.conversation_viewers(viewers)


def _views(session: Session, conversation_ids: Set[UUID]) -> list[View]:
    person = session.person
    if person is None or not person.is_staff:
        return []
    return [View(person.account_id, found, person.id, session.sid, person.name) for found in conversation_ids]
