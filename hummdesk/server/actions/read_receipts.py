"""Read receipts, and the state of a conversation after a change."""

from contextlib import suppress
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.events.messages import MessageRead
from hummdesk.publish.outbox import publish_updates
from hummdesk.server.context import ServerContext
from hummdesk.storage import conversations, outbox, reads


async def mark_read(context: ServerContext, reader: Person, conversation_id: UUID, message_id: UUID | None) -> None:
    """Mark everything up to a message as read, or up to the last one (None), and publish it if that is a change."""
    async with context.database.account(reader.account_id) as tx:
        read = await reads.mark_read(tx, reader=reader, conversation_id=conversation_id, message_id=message_id)
        if read is None:
            return
        entry = await outbox.add_change(tx, conversation_id) if reader.is_staff else None
    await context.publisher.publish(
        MessageRead(
            account_id=reader.account_id,
            conversation_id=conversation_id,
            timestamp=read.at,
            message_id=read.message_id,
            seq=read.seq,
            read_by=reader.id,
            read_by_type=reader.side,
        )
    )
    if entry is not None:
        soon(publish_change(context, reader.account_id, conversation_id, entry))


async def publish_change(context: ServerContext, account_id: UUID, conversation_id: UUID, entry: UUID) -> None:
    """Publish the current state of a conversation. If that fails here, the relay does it from the outbox."""

    async def read() -> list[Conversation]:
        async with context.database.account(account_id) as tx:
            return [await conversations.as_staff(tx, conversation_id=conversation_id)]

    with suppress(Unavailable, NotFound):
        await publish_updates(context.publisher, read, receipt=context.receipts.pending(account_id, entry))
