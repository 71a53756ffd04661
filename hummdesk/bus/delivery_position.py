"""Which entries of a shard a process delivers, without any I/O.

An entry arrives up to twice: a process reads all entries of the shard, and knows those that it has appended when Redis
has confirmed them. An own entry that follows the last delivered entry is delivered at once; reading it later finds it
delivered. Any other own entry has entries of other processes before it, and is delivered when it is read.
"""

from dataclasses import dataclass
from enum import Enum, auto

from hummdesk.bus.shards import moment

STEP_BYTES = 1 << 18
"""How much is delivered before the sockets are drained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendedEntry:
    """An entry that this process has appended. `previous` is the id of the entry before it, empty after a loss."""

    id: str
    previous: str
    at: float
    packed: list[bytes]


class Arrival(Enum):
    """How an entry that was read relates to the position."""

    NEXT = auto()
    DELIVERED = auto()
    AFTER_LOSS = auto()
    """Entries between the last delivered one and this one are lost."""


class DeliveryPosition:
    """The position of a process in one shard. The caller delivers an entry, and calls `advance`, without an await."""

    def __init__(self) -> None:
        self.id = ""
        """The id of the last entry that was delivered or is not to be delivered; empty until it is known."""
        self._undrained_bytes = 0

    def arrival(self, entry_id: str, previous: str) -> Arrival:
        """Classify an entry that Redis returned as one after an earlier or the current position."""
        if previous == self.id:
            return Arrival.NEXT
        return Arrival.DELIVERED if self.has_passed(entry_id) else Arrival.AFTER_LOSS

    def accepts(self, entry: AppendedEntry) -> bool:
        """Whether an own entry is to be delivered now. Otherwise it is delivered when it is read.

        It is not while sockets must be drained, for which the writer does not wait; nor if the clock of a Redis that
        lost its data is behind: a position behind the last one could not be compared with it.
        """
        follows = self.id != "" and entry.previous == self.id and not self.has_passed(entry.id)
        return follows and not self.needs_drain

    def advance(self, entry_id: str, size: int) -> None:
        """Record the delivery of an entry with `size` bytes."""
        self.id = entry_id
        self._undrained_bytes += size

    def drained(self) -> None:
        self._undrained_bytes = 0

    def has_passed(self, entry_id: str) -> bool:
        """Whether an entry was delivered, or is older than the first one that was to be delivered."""
        return self.id != "" and moment(entry_id) <= moment(self.id)

    @property
    def needs_drain(self) -> bool:
        """Whether the sockets must be drained before the next delivery."""
        return self._undrained_bytes > STEP_BYTES
