"""Read positions: mark messages as read or unread, and publish what that changes."""

from contextlib import suppress
from uuid import UUID

from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.events import Event
from hummdesk.publish.events.messages import MessageRead, UnreadChanged
from hummdesk.publish.outbox import publish_updates
from hummdesk.server.context import ServerContext
from hummdesk.storage import conversations, outbox, reads
from hummdesk.storage.reads import OwnUnread, ReadMark, ViewRule


async def mark_read(context: ServerContext, reader: Person, conversation_id: UUID, message_id: UUID | None) -> None:
    """Mark everything up to a message as read, or up to the last one (None), and publish it if that is a change."""
    async with context.database.account(reader.account_id) as tx:
        read = await reads.mark_read(tx, reader=reader, conversation_id=conversation_id, message_id=message_id)
        if read is None:
            return
        entry = await outbox.add_read(tx, conversation_id) if read.unread is not None else None
    events: list[Event] = [_receipt(reader, conversation_id, read)] if read.is_receipt else []
    if read.unread is not None:
        events.append(_changed(reader, conversation_id, read.unread))
    receipt = None if entry is None else context.receipts.pending(reader.account_id, entry)
    await context.publisher.publish(*events, receipt=receipt)


async def mark_unread(
    context: ServerContext, agent: Person, conversation_id: UUID, message_id: UUID | None
) -> UnreadChanged:
    """Mark a message and all after it as unread for an agent, or the customer's last one (None). Raises NotFound."""
    async with context.database.account(agent.account_id) as tx:
        unread = await reads.mark_unread(tx, agent=agent, conversation_id=conversation_id, message_id=message_id)
        entry = await outbox.add_read(tx, conversation_id)
    changed = _changed(agent, conversation_id, unread)
    await context.publisher.publish(changed, receipt=context.receipts.pending(agent.account_id, entry))
    return changed


async def view(context: ServerContext, viewer: Person, conversation_id: UUID, rule: ViewRule) -> None:
    """Mark a conversation as read that the viewer opens, if the rule applies."""
    if rule.applies:
        await mark_read(context, viewer, conversation_id, None)


async def publish_change(context: ServerContext, account_id: UUID, conversation_id: UUID, entry: UUID) -> None:
    """Publish the current state of a conversation. If that fails here, the relay does it from the outbox."""

    async def read() -> list[Conversation]:
        async with context.database.account(account_id) as tx:
            return [await conversations.as_staff(tx, conversation_id=conversation_id)]

    with suppress(Unavailable, NotFound):
        await publish_updates(context.publisher, read, receipt=context.receipts.pending(account_id, entry))


def _receipt(reader: Person, conversation_id: UUID, read: ReadMark) -> MessageRead:
    return MessageRead(
        account_id=reader.account_id,
        conversation_id=conversation_id,
        timestamp=read.at,
        message_id=read.message_id,
        seq=read.seq,
        read_by=reader.id,
        read_by_type=reader.side,
    )


def _changed(agent: Person, conversation_id: UUID, unread: OwnUnread) -> UnreadChanged:
    return UnreadChanged.of(
        account_id=agent.account_id, conversation_id=conversation_id, agent_id=agent.id, unread=unread
    )
