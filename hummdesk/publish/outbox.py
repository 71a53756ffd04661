"""The events of messages and conversations that have an entry in the outbox."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from hummdesk.core.models import Conversation, Message
from hummdesk.publish.events import Event
from hummdesk.publish.events.conversations import ConversationStatusChanged, ConversationUpdated
from hummdesk.publish.events.messages import NewMessage
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipt
from hummdesk.storage.conversations import Status


def message_events(
    account_id: UUID, message: Message, *, has_pending_predecessor: bool, reopened_from: Status | None
) -> list[Event]:
    """The events of a message that was stored, in order: itself, and that it reopened its conversation if it did."""
    new = NewMessage(account_id=account_id, message=message, has_pending_predecessor=has_pending_predecessor)
    if reopened_from is None:
        return [new]
    return [new, ConversationStatusChanged.reopened(account_id, message, old_status=reopened_from)]


async def publish_updates(
    publisher: Publisher, read: Callable[[], Awaitable[list[Conversation]]], *, receipt: Receipt | None = None
) -> None:
    """Publish the current state of conversations of an account."""

    async def updated(conversation: Conversation) -> ConversationUpdated:
        return ConversationUpdated.of(conversation)

    await publisher.publish_current(read, updated, receipt=receipt)
