"""Ratings of closed conversations."""

from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.models import Person
from hummdesk.publish.events.conversations import ConversationRated
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.context import ServerContext
from hummdesk.storage import outbox, ratings


async def rate(
    context: ServerContext, customer: Person, conversation_id: UUID, *, rating: int, comment: str | None
) -> ConversationRated:
    """Rate the last closing of a conversation, as its customer. Raises NotFound, and Conflict unless it is closed."""
    async with context.database.account(customer.account_id) as tx:
        at = await ratings.rate(tx, customer=customer, conversation_id=conversation_id, rating=rating, comment=comment)
        entry = await outbox.add_change(tx, conversation_id)
    rated = ConversationRated(
        account_id=customer.account_id,
        conversation_id=conversation_id,
        timestamp=at,
        rating=rating,
        comment=comment,
    )
    await context.publisher.publish(rated)
    soon(publish_change(context, customer.account_id, conversation_id, entry))
    return rated
