"""Events about messages.

The first two name their schema in place of having it derived: the payload is that of the model, which the answers to
requests carry as well.
"""

from typing import Literal, Self
from uuid import UUID, uuid5

from hummdesk.bus.envelope import OrderKey
from hummdesk.core.models import Message
from hummdesk.publish import rooms
from hummdesk.publish.audience import ACCOUNT, JOINED, agent
from hummdesk.publish.events.base import Event, OfConversation, OfMessage, Payload, SocketEvent, event
from hummdesk.publish.fields import Count, Routing, SenderType
from hummdesk.storage.reads import OwnUnread


@event("message_sent", schema="Receipt")
class MessageSent(SocketEvent):
    """A message was stored."""

    message: Message

    def payload(self) -> Payload:
        return self.message.receipt()


@event("new_message", schema="Message", to=(JOINED, ACCOUNT))
class NewMessage(Event):
    """A message; customers do not receive a private one.

    `has_pending_predecessor`: the message before it may be unpublished.
    """

    message: Message
    has_pending_predecessor: bool = False

    def payload(self) -> Payload:
        return self.message.wire()

    @property
    def order(self) -> OrderKey:
        message = self.message
        return OrderKey(
            conversation_id=message.conversation_id,
            seq=message.seq,
            has_pending_predecessor=self.has_pending_predecessor,
        )

    def rooms(self) -> tuple[str, ...]:
        return _rooms(self.account_id, self.message.conversation_id, private=self.message.private)


@event("message_updated", schema="MessageUpdate", to=(JOINED, ACCOUNT))
class MessageUpdated(Event):
    """A stored message was changed: `content` is the new one, or the message is `erased`; `withdrawn`: by its sender.

    `revision` counts the changes of the conversation, whose events arrive in its order, after the message itself.
    `has_pending_predecessor`: the change before it may be unpublished.
    """

    conversation_id: UUID
    message_id: UUID
    seq: Count
    revision: Count
    content: str | None = None
    content_type: Literal["text", "html"] | None = None
    erased: bool | None = None
    withdrawn: bool | None = None
    private: Routing[bool] = False
    has_pending_predecessor: Routing[bool] = False

    @classmethod
    def of(cls, account_id: UUID, message: Message, *, has_pending_predecessor: bool = False) -> Self:
        return cls(
            account_id=account_id,
            conversation_id=message.conversation_id,
            message_id=message.id,
            seq=message.seq,
            revision=message.revision,
            content=None if message.erased else message.content,
            content_type=None if message.erased else message.content_type,
            erased=message.erased or None,
            withdrawn=message.withdrawn or None,
            private=message.private,
            has_pending_predecessor=has_pending_predecessor,
        )

    @property
    def order(self) -> OrderKey:
        """As a message, by another counter of the conversation: a name-based UUID separates the two."""
        counter = uuid5(self.conversation_id, "revisions")
        return OrderKey(
            conversation_id=counter, seq=self.revision, has_pending_predecessor=self.has_pending_predecessor
        )

    def rooms(self) -> tuple[str, ...]:
        return _rooms(self.account_id, self.conversation_id, private=self.private)


@event("message_read", schema="ReadMark", to=(JOINED,))
class MessageRead(OfMessage):
    """A reader has read everything up to a message. An answer or a request of an agent marks it, opening does not."""

    seq: Count
    read_by: UUID
    read_by_type: SenderType

    @classmethod
    def by_reply(cls, account_id: UUID, reply: Message) -> Self:
        """The agent has read everything before the reply."""
        return cls(
            account_id=account_id,
            conversation_id=reply.conversation_id,
            timestamp=reply.created_at,
            message_id=reply.id,
            seq=reply.seq,
            read_by=reply.sender_id,
            read_by_type="agent",
        )


@event("unread_changed", to=(agent("agent_id"),))
class UnreadChanged(OfConversation):
    """What is unread for an agent, by the agent's own action: the customer's messages up to `lastSeq`.

    A `new_message` of the customer with a greater `seq` adds one.
    """

    agent_id: Routing[UUID]
    unread_count: Count
    last_seq: Count

    @classmethod
    def of(cls, *, account_id: UUID, conversation_id: UUID, agent_id: UUID, unread: OwnUnread) -> Self:
        return cls(
            account_id=account_id,
            conversation_id=conversation_id,
            agent_id=agent_id,
            unread_count=unread.count,
            last_seq=unread.last_seq,
        )

    @classmethod
    def by_reply(cls, account_id: UUID, reply: Message) -> Self:
        """The agent has read everything before the reply."""
        return cls(
            account_id=account_id,
            conversation_id=reply.conversation_id,
            timestamp=reply.created_at,
            agent_id=reply.sender_id,
            unread_count=0,
            last_seq=reply.seq,
        )


@event("mentioned", to=(agent("agent_id"),))
class Mentioned(OfMessage):
    """A colleague has named the agent in a private note."""

    agent_id: Routing[UUID]
    seq: Count
    mentioned_by: UUID
    mentioned_by_name: str

    @property
    def key(self) -> str:
        return f"mention/{self.message_id}/{self.agent_id}"

    @classmethod
    def of(cls, account_id: UUID, note: Message) -> list[Self]:
        """An event for each agent whom a note names, but not for its author."""
        return [
            cls(
                account_id=account_id,
                conversation_id=note.conversation_id,
                timestamp=note.created_at,
                message_id=note.id,
                agent_id=agent_id,
                seq=note.seq,
                mentioned_by=note.sender_id,
                mentioned_by_name=note.sender_name,
            )
            for agent_id in note.mentions or ()
            if agent_id != note.sender_id
        ]


def _rooms(account_id: UUID, conversation_id: UUID, *, private: bool) -> tuple[str, ...]:
    joined = rooms.conversation_staff if private else rooms.conversation
    return (joined(conversation_id), rooms.account(account_id))
