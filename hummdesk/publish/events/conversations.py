"""Events about conversations."""

from datetime import datetime
from typing import Literal, NotRequired, Self, TypedDict
from uuid import UUID

from hummdesk.ai.protocol import Priority
from hummdesk.bus.envelope import Envelope
from hummdesk.core.models import Conversation, Message
from hummdesk.publish.audience import ACCOUNT, JOINED, agent, team
from hummdesk.publish.events.base import Event, OfConversation, Payload, event
from hummdesk.publish.fields import Count, Id, Rating, Routing, StaffOnly
from hummdesk.storage.conversations import Status
from hummdesk.storage.moves import Rule


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
    """A conversation has another status, by a request, reopened by a customer's message or at the end of its snooze."""

    old_status: Status
    new_status: Status
    changed_by: UUID
    reason: StaffOnly[str | None] = None
    snoozed_until: StaffOnly[datetime | None] = None
    message_id: Routing[UUID | None] = None
    """The message that reopened the conversation."""
    event_id: Routing[UUID | None] = None
    """Of the log, if it may be published twice."""

    @property
    def key(self) -> str | None:
        if self.message_id is not None:
            return f"reopened/{self.message_id}"
        return f"status/{self.event_id}" if self.event_id else None

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


@event("conversation_continued", schema="Continuation", to=(ACCOUNT, JOINED))
class ConversationContinued(OfConversation):
    """A conversation is continued in another one of the same customer, which receives the customer's messages: it was
    merged, or the customer has written after it was closed for long. It ends when the conversation is reopened.
    """

    continued_in: UUID
    event_id: Routing[UUID]
    """Of the log."""

    @property
    def key(self) -> str:
        return f"continued/{self.event_id}"


class MoveReason(TypedDict):
    """Why a conversation has its agent. `note` is the message with the note of a transfer; `mode`, `decisionId` and the
    number of `candidates` are those of an automatic assignment.
    """

    rule: Rule
    mode: NotRequired[str]
    decisionId: NotRequired[Id]
    candidates: NotRequired[Count]
    note: NotRequired[Id]


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
    reason: StaffOnly[MoveReason | None] = None
    event_id: Routing[UUID | None] = None
    """Of the log, if it may be published twice."""

    @property
    def key(self) -> str | None:
        return f"assigned/{self.event_id}" if self.event_id else None


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
    rule: StaffOnly[Rule | None] = None
    team_id: Routing[UUID | None] = None
    event_id: Routing[UUID | None] = None
    """Of the log, if it may be published twice."""

    @property
    def key(self) -> str | None:
        return f"unassigned/{self.event_id}" if self.event_id else None


@event("conversation_queued", to=(ACCOUNT, team("team_id"), JOINED))
class ConversationQueued(OfConversation):
    """An open conversation without an agent waits in the queue of a team, or of the account."""

    team_id: StaffOnly[UUID | None] = None
    position: Count | None = None
    expected_wait_seconds: Count | None = None
    entry_id: Routing[UUID | None] = None
    """Of what brought it into the queue: the logged event, the message that reopened it, or itself if it is new."""
    is_update: Routing[bool] = False
    """Of the position, for the customer only."""

    def envelopes(self) -> tuple[Envelope, ...]:
        return self._sides(self.payload())[1:] if self.is_update else Event.envelopes(self)

    @property
    def key(self) -> str | None:
        return f"queued/{self.entry_id}" if self.entry_id else None


@event("conversation_activity", schema="Activity", to=(JOINED,))
class ConversationActivity(OfConversation):
    """A change of a conversation, as it is shown between the messages. Customers receive moves to another agent.

    `moved` is from queue to queue. `otherConversationId` is the one that continues it, or with which it was merged:
    `merged` into the other one, `merged_from` the other one into it.
    """

    activity_id: UUID
    kind: Literal[
        "assigned", "unassigned", "moved", "status", "priority", "labels", "continued", "merged", "merged_from"
    ]
    assigned_to: UUID | None = None
    assigned_to_name: str | None = None
    rule: StaffOnly[Rule | None] = None
    team_id: StaffOnly[UUID | None] = None
    team_name: StaffOnly[str | None] = None
    actor_id: StaffOnly[UUID | None] = None
    actor_name: StaffOnly[str | None] = None
    from_agent_id: StaffOnly[UUID | None] = None
    from_agent_name: StaffOnly[str | None] = None
    from_team_id: StaffOnly[UUID | None] = None
    from_team_name: StaffOnly[str | None] = None
    note_id: StaffOnly[UUID | None] = None
    from_status: StaffOnly[Status | None] = None
    to_status: StaffOnly[Status | None] = None
    snoozed_until: StaffOnly[datetime | None] = None
    from_priority: StaffOnly[Priority | None] = None
    to_priority: StaffOnly[Priority | None] = None
    added_label_ids: StaffOnly[list[Id] | None] = None
    removed_label_ids: StaffOnly[list[Id] | None] = None
    other_conversation_id: StaffOnly[UUID | None] = None

    @property
    def key(self) -> str:
        return f"activity/{self.activity_id}"

    @property
    def is_for_customers(self) -> bool:
        return self.kind == "assigned" and self.assigned_to != self.from_agent_id

    def envelopes(self) -> tuple[Envelope, ...]:
        staff, customer = self._sides(self.payload())
        return (staff, customer) if self.is_for_customers else (staff,)

    def shown(self, *, is_staff: bool) -> Payload:
        """The payload as one side receives it."""
        payload = self.payload()
        return payload if is_staff else {key: payload[key] for key in payload if key not in self.staff_only}


@event("conversation_rated", to=(ACCOUNT,))
class ConversationRated(OfConversation):
    """The customer has rated a closed conversation from 1 to 5, or has changed the rating."""

    rating: Rating
    comment: str | None = None
