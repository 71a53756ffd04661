"""Events about conversations."""

from typing import Self
from uuid import UUID

from hummdesk.core.models import Conversation, Message
from hummdesk.publish.audience import ACCOUNT, JOINED, agent, team
from hummdesk.publish.events.base import Event, OfConversation, Payload, event
from hummdesk.publish.fields import Rating, Routing, StaffOnly
from hummdesk.storage.conversations import Status


@event("conversation_created", schema="Conversation", to=(ACCOUNT,))
class ConversationCreated(Event):
    """A customer has opened a conversation. Names its schema: the payload is that of the model, as staff sees it."""

    conversation: Conversation

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        return cls(account_id=conversation.account_id, conversation=conversation)

    @property
    def key(self) -> str:
        return f"created/{self.conversation.id}"

    def payload(self) -> Payload:
        return self.conversation.wire()


@event("conversation_updated", schema="Conversation", to=(ACCOUNT,))
class ConversationUpdated(Event):
    """The current state of a conversation. Names its schema, as ConversationCreated."""

    conversation: Conversation

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        return cls(account_id=conversation.account_id, conversation=conversation)

    def payload(self) -> Payload:
        return self.conversation.wire()


@event("conversation_status_changed", schema="StatusChange", to=(ACCOUNT, JOINED))
class ConversationStatusChanged(OfConversation):
    """A conversation has another status, by a request or reopened by a customer's message."""

    old_status: Status
    new_status: Status
    changed_by: UUID
    reason: StaffOnly[str | None] = None
    message_id: Routing[UUID | None] = None
    """The message that reopened the conversation."""

    @property
    def key(self) -> str | None:
        return f"reopened/{self.message_id}" if self.message_id else None

    @classmethod
    def reopened(cls, account_id: UUID, message: Message, *, old_status: Status) -> Self:
        return cls(
            account_id=account_id,
            conversation_id=message.conversation_id,
            timestamp=message.created_at,
            old_status=old_status,
            new_status="open",
            changed_by=message.sender_id,
            message_id=message.id,
        )


@event(
    "conversation_assigned",
    schema="Assignment",
    to=(ACCOUNT, agent("assigned_to"), team("assigned_team"), JOINED),
)
class ConversationAssigned(OfConversation):
    """A conversation was assigned to an agent."""

    assigned_to: UUID
    assigned_team: UUID | None = None
    assigned_by: UUID


@event(
    "conversation_unassigned",
    schema="Unassignment",
    to=(ACCOUNT, agent("unassigned_from"), team("team_id"), JOINED),
)
class ConversationUnassigned(OfConversation):
    """A conversation was taken from an agent. `unassignedBy` is the nil UUID for an operator's command."""

    unassigned_from: UUID
    unassigned_by: UUID
    reason: StaffOnly[str | None] = None
    team_id: Routing[UUID | None] = None
    event_id: Routing[UUID | None] = None
    """Of the log, if the outbox has it and it may be published twice."""

    @property
    def key(self) -> str | None:
        return f"unassigned/{self.event_id}" if self.event_id else None


@event("conversation_rated", to=(ACCOUNT,))
class ConversationRated(OfConversation):
    """The customer has rated a closed conversation from 1 to 5, or has changed the rating."""

    rating: Rating
    comment: str | None = None
