"""Unread counts of an agent."""

from dataclasses import dataclass, field

from hummdesk_client.socket.contract import Conversation, Message, UnreadChanged


@dataclass(slots=True)
class _Count:
    count: int = 0
    up_to: int = 0
    later: set[int] = field(default_factory=set)


class UnreadCounts:
    """The unread counts of the signed-in agent, by conversation.

    Answers carry the count up to their `lastSeq`, `unread_changed` a new one, and each later message of the customer
    adds one. They may arrive in any order.
    """

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def of(self, conversation_id: str) -> int:
        """The count of a conversation; 0 if none is known."""
        known = self._counts.get(conversation_id, _Count())
        return known.count + len(known.later)

    def load(self, conversation: Conversation) -> None:
        """Apply a conversation of an answer. Those of events carry no count."""
        if "unreadCount" in conversation:
            self._apply(conversation["conversationId"], conversation["unreadCount"], conversation["lastSeq"])

    def change(self, change: UnreadChanged) -> None:
        """Apply `unread_changed`, unless the known count is of later messages."""
        self._apply(change["conversationId"], change["unreadCount"], change["lastSeq"])

    def add(self, message: Message) -> None:
        """Apply `new_message`."""
        known = self._counts.setdefault(message["conversationId"], _Count())
        if message["senderType"] == "customer" and message["seq"] > known.up_to:
            known.later.add(message["seq"])

    def _apply(self, conversation_id: str, count: int, last_seq: int) -> None:
        known = self._counts.setdefault(conversation_id, _Count())
        if known.up_to > last_seq:
            return
        known.count, known.up_to = count, last_seq
        known.later = {seq for seq in known.later if seq > last_seq}
