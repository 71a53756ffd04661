"""The staff who are looking at a conversation, published to those who have joined it."""

import logging
from collections.abc import Set
from uuid import UUID

from hummdesk.bus.viewers import View, Viewers
from hummdesk.core.errors import Unavailable
from hummdesk.publish.events.presence import ConversationViewers, Viewer
from hummdesk.server.context import ServerContext
from hummdesk.server.sockets import ClientSession

log = logging.getLogger(__name__)


async def begin(context: ServerContext, session: ClientSession, conversation_id: UUID) -> list[Viewer]:
    """Add a socket of staff to the viewers of a conversation, and return them; none while Redis is away."""
    try:
        found = await context.viewers.enter(views_of(session, {conversation_id}))
    except Unavailable:
        log.warning("viewers.lease_failed")  # the next renewal makes the lease
        return []
    await _publish(context, found)
    return ConversationViewers.of(found[0]).viewers if found else []


async def end(context: ServerContext, views: list[View]) -> None:
    """Remove a socket from the viewers of conversations."""
    try:
        await _publish(context, await context.viewers.leave(views))
    except Unavailable:
        log.warning("viewers.release_failed")  # the leases run out


async def renew(context: ServerContext) -> None:
    """Renew the leases of this process, and publish the viewers where those of a dead process ended.

    Raises Unavailable.
    """
    views = [view for session in context.sockets.sessions.values() for view in views_of(session, session.joined)]
    await _publish(context, await context.viewers.renew(views))


async def _publish(context: ServerContext, found: list[Viewers]) -> None:
    await context.publisher.publish(*(ConversationViewers.of(viewers) for viewers in found if viewers.changed))


def views_of(session: ClientSession, conversation_ids: Set[UUID]) -> list[View]:
    """Return the views of these conversations; none for a socket that is not of staff."""
    person = session.person
    if person is None or not person.is_staff:
        return []
    return [View(person.account_id, found, person.id, session.sid, person.name) for found in conversation_ids]
