"""The order of a conversation's messages in the event stream, without any I/O.

Two processes may publish the messages of one conversation in the wrong order. Redis rejects a message that arrives
before its predecessor; the writer then holds it, and all later messages of the conversation, and writes them again
after a short wait. If the predecessor has not appeared within HOLD_SECONDS, for instance because its process died, it
is fetched from the database and published here.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar
from uuid import UUID

HOLD_SECONDS = 1.0
"""How long a message is held for its predecessor before that is fetched."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.005, 0.1
NOTHING_KNOWN = -1
"""The last `seq` of a conversation of which Redis knows no message."""

UNKNOWN_FETCHED = 100
"""How many predecessors are fetched in a conversation of which Redis knows no message."""

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class WriteNow(Generic[Message]):
    """Write these messages, in this order; the first `forced` of them even if a predecessor is missing."""

    messages: list[Message]
    forced: int = 0


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Call `timer_fired` with `hold` after this time."""

    seconds: float
    hold: int


@dataclass(frozen=True, slots=True)
class FetchMissing(Generic[Message]):
    """Fetch the messages after `after_seq` and before `before`, then call `fetched` or `fetch_failed` with `hold`."""

    after_seq: int
    before: Message
    hold: int


@dataclass(frozen=True, slots=True)
class Result(Generic[Message]):
    """What Redis answered to the write of a message. `rejected_after`: the last `seq` it has, if it was rejected."""

    seq: int
    message: Message
    rejected_after: int | None


@dataclass(slots=True)
class _Hold(Generic[Message]):
    """The held messages of one conversation by `seq`."""

    number: int
    since: float
    messages: dict[int, Message] = field(default_factory=dict)
    last_seq: int = NOTHING_KNOWN - 1
    retry_seconds: float = FIRST_RETRY_SECONDS
    has_timer: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether Redis knows no message of the conversation."""
        return self.last_seq <= NOTHING_KNOWN

    def in_order(self) -> list[Message]:
        return [self.messages[seq] for seq in sorted(self.messages)]


class MessageOrder(Generic[Message]):
    """Decides which messages are written, held or fetched. Its caller does the writing, the waiting and the fetching.

    The caller passes every result of a write to `record`, and does what the methods return.
    """

    def __init__(
        self,
        *,
        can_fetch: bool,
        clock: Callable[[], float] = monotonic,
        size: Callable[[Message], int] = lambda _: 0,
        max_bytes: int = 0,
        on_drop: Callable[[Message], object] = lambda _: None,
    ) -> None:
        """Without `can_fetch` the hold time starts over whenever a predecessor appears.

        Messages held beyond `max_bytes` by `size` are passed to `on_drop`; the outbox has them, too.
        """
        self._can_fetch = can_fetch
        self._clock = clock
        self._size = size
        self._max_bytes = max_bytes
        self._on_drop = on_drop
        self.held_bytes = 0
        self._holds: dict[UUID, _Hold[Message]] = {}
        self._number = 0

    @property
    def is_empty(self) -> bool:
        """Whether no message is held."""
        return not self._holds

    def is_holding(self, conversation_id: UUID) -> bool:
        return conversation_id in self._holds

    def clear(self) -> None:
        """Drop all held messages."""
        for hold in self._holds.values():
            for message in hold.messages.values():
                self._on_drop(message)
        self._holds.clear()
        self.held_bytes = 0

    def hold(self, conversation_id: UUID, seq: int, message: Message) -> bool:
        """Hold a new message if earlier ones of its conversation are held; otherwise it is to be written at once."""
        hold = self._holds.get(conversation_id)
        if hold is None:
            return False
        self._add(hold, seq, message)
        self._limit(conversation_id, hold)
        return True

    def record(self, conversation_id: UUID, results: Iterable[Result[Message]]) -> WriteNow[Message] | WaitFor | None:
        """Record the results of one write for a conversation."""
        hold = self._holds.get(conversation_id) or self._new_hold(conversation_id)
        has_rejected = False
        for result in results:
            if result.rejected_after is None:
                self._remove(hold, result.seq)
            else:
                has_rejected = True
                self._add(hold, result.seq, result.message)
                self._progress(hold, result.rejected_after)
        if has_rejected:
            self._limit(conversation_id, hold)
            return self._wait(hold) if hold.messages else None
        self._end(conversation_id, hold)
        return WriteNow(hold.in_order())

    def timer_fired(self, conversation_id: UUID, number: int) -> WriteNow[Message] | FetchMissing[Message] | None:
        hold = self._found(conversation_id, number)
        if hold is None:
            return None
        hold.has_timer = False
        if self._clock() - hold.since < HOLD_SECONDS:
            return WriteNow(hold.in_order())
        hold.since = self._clock()
        if not self._can_fetch:
            return _force(hold)
        after_seq = max(0, min(hold.messages) - 1 - UNKNOWN_FETCHED) if hold.is_unknown else hold.last_seq
        return FetchMissing(after_seq, hold.messages[max(hold.messages)], number)

    def fetched(
        self, conversation_id: UUID, number: int, messages: dict[int, Message], *, beginnings: Collection[int] = ()
    ) -> WriteNow[Message] | None:
        """Force the held and the fetched messages, up to the first gap.

        `beginnings`: the `seq`s of messages whose predecessor was published. If Redis knows no message
        of the conversation, the last of them before the held ones is the first to be forced: the messages after it may
        be unpublished, and once a later one is in the stream, they could not follow.
        """
        hold = self._found(conversation_id, number)
        if hold is None:
            return None
        first = max((seq for seq in beginnings if seq < min(hold.messages)), default=0) if hold.is_unknown else 0
        for seq, message in messages.items():
            if seq >= first and seq not in hold.messages:
                self._add(hold, seq, message)
        return _force(hold)

    def fetch_failed(self, conversation_id: UUID, number: int) -> WaitFor | None:
        hold = self._found(conversation_id, number)
        return None if hold is None else self._wait(hold)

    def _new_hold(self, conversation_id: UUID) -> _Hold[Message]:
        self._number += 1
        hold: _Hold[Message] = _Hold(self._number, self._clock())
        self._holds[conversation_id] = hold
        return hold

    def _end(self, conversation_id: UUID, hold: _Hold[Message]) -> None:
        del self._holds[conversation_id]
        self.held_bytes -= sum(map(self._size, hold.messages.values()))

    def _add(self, hold: _Hold[Message], seq: int, message: Message) -> None:
        self._remove(hold, seq)
        hold.messages[seq] = message
        self.held_bytes += self._size(message)

    def _remove(self, hold: _Hold[Message], seq: int) -> None:
        if (message := hold.messages.pop(seq, None)) is not None:
            self.held_bytes -= self._size(message)

    def _limit(self, conversation_id: UUID, hold: _Hold[Message]) -> None:
        """Drop the last messages of a conversation, without which the others can still be published in order."""
        while self.held_bytes > self._max_bytes and hold.messages:
            last = max(hold.messages)
            self._on_drop(hold.messages[last])
            self._remove(hold, last)
        if not hold.messages:
            self._end(conversation_id, hold)

    def _found(self, conversation_id: UUID, number: int) -> _Hold[Message] | None:
        """The hold that a timer or a fetch was for, unless it has ended."""
        hold = self._holds.get(conversation_id)
        return hold if hold is not None and hold.number == number else None

    def _progress(self, hold: _Hold[Message], last_seq: int) -> None:
        if last_seq != hold.last_seq:
            hold.last_seq, hold.retry_seconds = last_seq, FIRST_RETRY_SECONDS
            if not self._can_fetch:
                hold.since = self._clock()

    def _wait(self, hold: _Hold[Message]) -> WaitFor | None:
        if hold.has_timer:
            return None
        hold.has_timer = True
        seconds = hold.retry_seconds
        hold.retry_seconds = min(2 * seconds, LONGEST_RETRY_SECONDS)
        return WaitFor(seconds, hold.number)


def _force(hold: _Hold[Message]) -> WriteNow[Message]:
    """Messages after a gap are not forced: another process may be about to publish the one that is missing."""
    first, forced = min(hold.messages), 1
    while first + forced in hold.messages:
        forced += 1
    return WriteNow(hold.in_order(), forced)
