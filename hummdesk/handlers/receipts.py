"""What has been read, and how everybody learns of it."""

from uuid import UUID

from hummdesk.desk import Desk
from hummdesk.errors import wire_time
from hummdesk.models import Person
from hummdesk.storage import conversations, messages


async def mark_read(desk: Desk, reader: Person, conversation_id: UUID, message_id: UUID | None) -> None:
    """Everything up to a message, or up to the last one (None), is read; tells the others if that was news."""
    async with desk.database.account(reader.account_id) as tx:
        read = await messages.mark_read(tx, reader=reader, conversation_id=conversation_id, message_id=message_id)
    if read is None:
        return
    await desk.broadcast.message_read(
        conversation_id=conversation_id,
        message_id=read.message_id,
        seq=read.seq,
        reader=reader,
        at=wire_time(read.at),
    )
    if reader.is_staff:
        await announce_update(desk, reader.account_id, conversation_id)


async def announce_update(desk: Desk, account_id: UUID, conversation_id: UUID) -> None:
    """Tell the account how a conversation now stands."""
    async with desk.database.account(account_id) as tx:
        conversation = await conversations.as_staff(tx, conversation_id=conversation_id)
    await desk.broadcast.conversation_updated(conversation)
