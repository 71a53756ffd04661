"""Ratings of closed conversations by their customers."""

from hummdesk.server.actions import ratings
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession


async def rate_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    given = {"rating": payload["rating"], "comment": payload["comment"] or None}
    rated = await ratings.rate(context, session.authenticated_person, payload["conversationId"], **given)
    return rated.payload()
