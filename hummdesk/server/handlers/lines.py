"""The lines about a conversation that are shown between its messages."""

from datetime import datetime
from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.publish.moves import activity_of
from hummdesk.server.answers import json_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import moves
from hummdesk.storage.moves import EARLIEST, LoggedChange

PAGE = 50


async def before(
    context: ServerContext, viewer: Person, conversation_id: UUID, before_seq: int, since: datetime | None
) -> list[Payload]:
    """The lines of a page of messages before a seq; `since`: the time of its first message, None: of the beginning.

    The caller has checked that the viewer may see the conversation.
    """
    async with context.database.account(viewer.account_id) as tx:
        logged = await moves.lines(
            tx,
            viewer=viewer,
            conversation_id=conversation_id,
            limit=PAGE,
            since=since or EARLIEST,
            before_seq=before_seq,
        )
    return shown(context, viewer, logged)


def shown(context: ServerContext, viewer: Person, logged: list[LoggedChange]) -> list[Payload]:
    """The newest lines that fit into a tenth of an answer, oldest first, as one side sees them."""
    found = [line for change in logged if (line := activity_of(change)) and (viewer.is_staff or line.is_for_customers)]
    payloads = [line.shown(is_staff=viewer.is_staff) for line in found]
    while payloads and json_bytes({"activity": payloads}) > context.settings.max_answer_bytes // 10:
        del payloads[: len(payloads) // 2 + 1]
    return payloads
