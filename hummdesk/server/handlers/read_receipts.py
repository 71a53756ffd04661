"""What has been read, and how everybody learns of it."""

from contextlib import suppress
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.run_events import announce_updates
from hummdesk.server.context import ServerContext
from hummdesk.storage import conversations, messages, outbox


async def mark_read(context: ServerContext, reader: Person, conversation_id: UUID, message_id: UUID | None) -> None:
    """Everything up to a message, or up to the last one (None), is read; tells the others if that was news."""
    async with context.database.account(reader.account_id) as tx:
        read = await messages.mark_read(tx, reader=reader, conversation_id=conversation_id, message_id=message_id)
        if read is None:
            return
        entry = await outbox.add_change(tx, conversation_id) if reader.is_staff else None
    await context.broadcast.message_read(
        conversation_id=conversation_id,
        message_id=read.message_id,
        seq=read.seq,
        reader=reader,
        at=wire_time(read.at),
    )
    if entry is not None:
        soon(tell_change(context, reader.account_id, conversation_id, entry))


async def tell_change(context: ServerContext, account_id: UUID, conversation_id: UUID, entry: UUID) -> None:
    """Tell the account how a conversation now stands. What fails here is told by the relay, from the outbox."""

    async def read() -> list[Conversation]:
        async with context.database.account(account_id) as tx:
            return [await conversations.as_staff(tx, conversation_id=conversation_id)]

    with suppress(Unavailable, NotFound):
        await announce_updates(context.broadcast, read, entry=entry)
