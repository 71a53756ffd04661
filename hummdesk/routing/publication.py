"""The events of conversations that routing has moved."""

from collections.abc import Sequence
from uuid import UUID

from hummdesk.core.models import Conversation
from hummdesk.publish.moves import events_of
from hummdesk.publish.outbox import publish_updates
from hummdesk.publish.publisher import Publisher
from hummdesk.storage import conversations, moves
from hummdesk.storage.database import Database
from hummdesk.storage.routing import Move


async def publish(publisher: Publisher, database: Database, account_id: UUID, made: Sequence[Move]) -> None:
    """Publish moves and the state of their conversations; return when Redis has stored all. Raises Unavailable."""
    ids = [move.conversation_id for move in made]

    async def read() -> list[Conversation]:
        async with database.account(account_id) as tx:
            return await conversations.all_as_staff(tx, ids=ids)

    async with database.account(account_id) as tx:
        logged = await moves.logged(tx, [(move.conversation_id, move.event_id) for move in made])
    await publisher.publish_stored(*(event for change in logged for event in events_of(change)))
    await publish_updates(publisher, read)
