"""The position of a waiting conversation, for its customer."""

from hummdesk.bus.presence import available
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Conversation
from hummdesk.routing import positions
from hummdesk.routing.positions import MOST
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import queue_positions


async def queue_of(context: ServerContext, conversation: Conversation) -> Payload | None:
    """Position and expected wait; None for a conversation that does not wait. Without Redis no wait is expected."""
    if not conversation.is_waiting:
        return None
    account_id = conversation.account_id
    try:
        statuses = await context.presence.statuses(account_id)
    except Unavailable:
        statuses = {}
    async with context.database.account(account_id) as tx:
        found = await queue_positions.position(tx, conversation_id=conversation.id, limit=MOST)
        if found is None:
            return None
        state = await positions.state(tx, {found.queue_id}, online=available(statuses))
    return state.queued(found).wire()
