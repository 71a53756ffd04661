"""Events about messages.

The first two name their schema in place of having it derived: the payload is that of the model, which the answers to
requests carry as well.
"""

from uuid import UUID

from hummdesk.bus.envelope import OrderKey
from hummdesk.core.models import Message
from hummdesk.publish import rooms
from hummdesk.publish.audience import ACCOUNT, JOINED
from hummdesk.publish.events.base import Event, OfMessage, Payload, SocketEvent, event
from hummdesk.publish.fields import Count, SenderType


@event("message_sent", schema="Receipt")
class MessageSent(SocketEvent):
    """A message was stored."""

    message: Message

    def payload(self) -> Payload:
        return self.message.receipt()


@event("new_message", schema="Message", to=(JOINED, ACCOUNT))
class NewMessage(Event):
    """A message; customers do not receive a private one.

    `has_recent_predecessor`: the message before it is so young that another process may not have published it yet.
    """

    message: Message
    has_recent_predecessor: bool = False

    def payload(self) -> Payload:
        return self.message.wire()

    @property
    def order(self) -> OrderKey:
        message = self.message
        return OrderKey(
            conversation_id=message.conversation_id, seq=message.seq, has_recent_predecessor=self.has_recent_predecessor
        )

    def rooms(self) -> tuple[str, ...]:
        joined = rooms.conversation_staff if self.message.private else rooms.conversation
        return (joined(self.message.conversation_id), rooms.account(self.account_id))


@event("message_read", schema="ReadMark", to=(JOINED,))
class MessageRead(OfMessage):
    """A reader has read everything up to a message."""

    seq: Count
    read_by: UUID
    read_by_type: SenderType
