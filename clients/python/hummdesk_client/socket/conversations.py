"""Joined conversations: which messages were received, so that each is passed on once and in order."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hummdesk_client.socket.contract import Joined, Message


@dataclass(slots=True)
class JoinedConversation:
    """Messages that arrive while the conversation is being joined are held until the earlier ones are known."""

    last_seq: int = 0
    revision: int | None = None
    """The last change to a stored message up to which all changes are known."""
    held: list[Message] | None = field(default_factory=list)

    def forget(self) -> None:
        """Receive everything again: the server may have lost what was received."""
        self.last_seq, self.revision, self.held = 0, None, []

    def hold(self) -> None:
        """Hold messages from now on: the connection was lost."""
        self.held = self.held or []

    def receive(self, messages: Iterable[Message]) -> list[Message]:
        """Return the messages that were not received before, and are not held."""
        if self.held is not None:
            self.held.extend(messages)
            return []
        found = sorted((one for one in messages if one["seq"] > self.last_seq), key=lambda one: one["seq"])
        if found:
            self.last_seq = found[-1]["seq"]
        return found

    def open(self, joined: Joined, missed: Iterable[Message]) -> list[Message]:
        """Return the missed messages and those that were held."""
        self.revision = joined["conversation"].get("revision", self.revision)
        held, self.held = self.held or [], None
        return self.receive({message["seq"]: message for message in (*missed, *held)}.values())
