"""The events of messages and conversations that have an entry in the outbox."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from hummdesk.core.models import Conversation, Message
from hummdesk.publish.events import Event
from hummdesk.publish.events.conversations import (
    ConversationCreated,
    ConversationQueued,
    ConversationStatusChanged,
    ConversationUpdated,
)
from hummdesk.publish.events.messages import Mentioned, MessageRead, NewMessage, UnreadChanged
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipt
from hummdesk.storage.conversations import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """What a message did to its conversation: its status before, and whether it waits in a queue now."""

    status: Status
    is_queued: bool
    team_id: UUID | None


def message_events(
    account_id: UUID, message: Message, *, has_pending_predecessor: bool, reopened: Reopened | None, has_read: bool
) -> list[Event]:
    """The events of a message that was stored, in order: itself, whom it mentions, of a reply that its agent has read
    what precedes it (`has_read`), that it reopened its conversation, and that this waits in a queue.
    """
    events: list[Event] = [
        NewMessage(account_id=account_id, message=message, has_pending_predecessor=has_pending_predecessor),
        *Mentioned.of(account_id, message),
    ]
    if has_read:
        events += [MessageRead.by_reply(account_id, message), UnreadChanged.by_reply(account_id, message)]
    if reopened is None:
        return events
    events.append(ConversationStatusChanged.reopened(account_id, message, old_status=reopened.status))
    if not reopened.is_queued:
        return events
    queued = ConversationQueued(
        account_id=account_id,
        conversation_id=message.conversation_id,
        timestamp=message.created_at,
        team_id=reopened.team_id,
        entry_id=message.id,
    )
    return [*events, queued]


def creation_events(conversation: Conversation) -> list[Event]:
    """The events of a new conversation, as staff sees it: itself, and that it waits in a queue, if it still does."""
    created = ConversationCreated.of(conversation)
    if not conversation.is_waiting:
        return [created]
    queued = ConversationQueued(
        account_id=conversation.account_id,
        conversation_id=conversation.id,
        timestamp=conversation.created_at,
        team_id=conversation.assigned_team,
        entry_id=conversation.id,
    )
    return [created, queued]


async def publish_updates(
    publisher: Publisher, read: Callable[[], Awaitable[list[Conversation]]], *, receipt: Receipt | None = None
) -> None:
    """Publish the current state of conversations of an account."""

    async def updated(conversation: Conversation) -> ConversationUpdated:
        return ConversationUpdated.of(conversation)

    await publisher.publish_current(read, updated, receipt=receipt)
