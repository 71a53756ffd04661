"""Ratings of closed conversations by their customers: one for each closing."""

from datetime import datetime
from uuid import UUID

from hummdesk.core.errors import Conflict
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import conversations
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("ratings")


async def rate(
    tx: Transaction, *, customer: Person, conversation_id: UUID, rating: int, comment: str | None
) -> datetime:
    """Store a rating of the last closing, in place of an earlier one, and log it; return its time.

    Raises NotFound, and Conflict unless the conversation is closed.
    """
    await conversations.lock(tx, viewer=customer, conversation_id=conversation_id)
    row = await queries.rate(
        tx,
        conversation_id=conversation_id,
        rating=rating,
        comment=comment,
        actor_id=customer.id,
        event_id=new_id(),
    )
    if row is None:
        raise Conflict("A conversation is rated while it is closed")
    at: datetime = row["at"]
    return at
