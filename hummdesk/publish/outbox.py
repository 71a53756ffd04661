"""The events of messages and conversations that have an entry in the outbox."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from hummdesk.core.ids import SYSTEM_ID
from hummdesk.core.models import Conversation, Message
from hummdesk.publish.events import Event
from hummdesk.publish.events.conversations import (
    ConversationStatusChanged,
    ConversationUnassigned,
    ConversationUpdated,
)
from hummdesk.publish.events.messages import NewMessage
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipt
from hummdesk.storage.conversations import Status
from hummdesk.storage.outbox import OutboxEntry, Unassignment


def message_events(
    account_id: UUID, message: Message, *, has_pending_predecessor: bool, reopened_from: Status | None
) -> list[Event]:
    """The events of a message that was stored, in order: itself, and that it reopened its conversation if it did."""
    new = NewMessage(account_id=account_id, message=message, has_pending_predecessor=has_pending_predecessor)
    if reopened_from is None:
        return [new]
    return [new, ConversationStatusChanged.reopened(account_id, message, old_status=reopened_from)]


def unassigned_event(entry: OutboxEntry, logged: Unassignment) -> ConversationUnassigned:
    """The event of a conversation that was unassigned because its agent cannot answer any more."""
    return ConversationUnassigned(
        account_id=entry.account_id,
        conversation_id=entry.conversation_id,
        timestamp=logged.at,
        unassigned_from=logged.agent_id,
        unassigned_by=logged.by or SYSTEM_ID,
        team_id=logged.team_id,
        event_id=entry.id,
    )


async def publish_updates(
    publisher: Publisher, read: Callable[[], Awaitable[list[Conversation]]], *, receipt: Receipt | None = None
) -> None:
    """Publish the current state of conversations of an account."""

    async def updated(conversation: Conversation) -> ConversationUpdated:
        return ConversationUpdated.of(conversation)

    await publisher.publish_current(read, updated, receipt=receipt)
