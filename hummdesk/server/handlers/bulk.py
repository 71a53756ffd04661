"""The same change of several conversations, each as if it were requested alone."""

from uuid import UUID

from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.models import Conversation, Person
from hummdesk.server.actions import conversations as actions
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession

REQUEST_SHARE = 0.1
"""Of a request, what each conversation counts for the rate limit."""


async def update_conversations(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Change one after the other, so that others are not delayed. A refused change leaves the others as they are.

    After one that is Unavailable, the rest is refused without an attempt: each may take a timeout of the database.
    """
    ids = list(dict.fromkeys(payload["conversationIds"]))
    changes = {name: value for name, value in payload.items() if name != "conversationIds"}
    await context.rate_limits.require_request(session.bucket, session.address, REQUEST_SHARE * len(ids))
    actor = session.authenticated_person
    results: list[Payload] = []
    refusal: HummDeskError | None = None
    for one in ids:
        if not isinstance(refusal, Unavailable):
            refusal = await _refusal(context, actor, one, changes)
        outcome = {"ok": True} if refusal is None else {"ok": False, "error": refusal.payload()}
        results.append({"conversationId": str(one)} | outcome)
    return {"results": results}


async def _refusal(
    context: ServerContext, actor: Person, conversation_id: UUID, changes: Payload
) -> HummDeskError | None:
    try:
        await actions.update(context, actor, conversation_id, changes, require=_anything)
    except HummDeskError as refusal:
        return refusal
    return None


def _anything(_: Conversation) -> None:
    """Accept a conversation as it is."""
