"""The delivery of a shard's entries by one process of several, in every interleaving of appends, answers and reads."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from hummdesk.bus.delivery_position import STEP_BYTES, AppendedEntry, Arrival, DeliveryPosition
from hummdesk.bus.shards import START, moment


@dataclass
class Stream:
    """A shard in Redis. An entry is its id and the id of the entry before it.

    After a flush the ids have another counter: none is used twice, though the clock may be set back.
    """

    entries: list[tuple[str, str]] = field(default_factory=list)
    tip: str = START
    clock: int = 0
    flushes: int = 0

    def append(self) -> tuple[str, str]:
        self.clock += 1
        entry = (f"{self.clock}-{self.flushes}", self.tip)
        self.entries.append(entry)
        self.tip = entry[0]
        return entry

    def after(self, entry_id: str) -> list[tuple[str, str]]:
        return [entry for entry in self.entries if moment(entry[0]) > moment(entry_id)]

    def flush(self, *, set_back: int = 0) -> None:
        """Lose all entries; set the clock back."""
        self.entries.clear()
        self.tip = START
        self.flushes += 1
        self.clock = max(0, self.clock - set_back)


class Process:
    """A process that appends and reads; its answers from Redis arrive when the test chooses.

    `size` is that of each entry.
    """

    def __init__(self, stream: Stream, size: int) -> None:
        self.stream = stream
        self.size = size
        self.position = DeliveryPosition()
        self.position.id = self.begun_at = stream.tip
        self.answers: deque[tuple[str, str]] = deque()
        self.found: deque[tuple[str, str]] = deque()
        self.asked_after = stream.tip
        self.delivered: list[str] = []
        self.is_drained = True

    def append(self) -> None:
        self.answers.append(self.stream.append())

    def receive_answer(self) -> None:
        if self.answers:
            entry_id, previous = self.answers.popleft()
            if self.position.accepts(AppendedEntry(id=entry_id, previous=previous, at=0.0, packed=[])):
                assert self.is_drained
                self._deliver(entry_id)

    def ask(self) -> None:
        """Send a read, if the entries of the last one have been handled."""
        if not self.found:
            self.asked_after = self.position.id

    def receive_read(self) -> None:
        """Redis answers with the entries that it has at this moment."""
        if not self.found:
            self.found.extend(self.stream.after(self.asked_after))

    def handle_next(self) -> None:
        if not self.found:
            return
        if self.position.needs_drain:
            self.position.drained()
            self.is_drained = True
        entry_id, previous = self.found.popleft()
        match self.position.arrival(entry_id, previous):
            case Arrival.NEXT:
                self._deliver(entry_id)
            case Arrival.AFTER_LOSS:
                self.delivered.append("loss")
                self._deliver(entry_id)
        if not self.found:
            self.ask()

    def finish(self) -> None:
        while self.answers:
            self.receive_answer()
        while self.found:
            self.handle_next()
        self.ask()
        self.receive_read()
        while self.found:
            self.handle_next()

    def _deliver(self, entry_id: str) -> None:
        self.delivered.append(entry_id)
        self.position.advance(entry_id, self.size)
        self.is_drained = not self.position.needs_drain


ACTIONS = ("append", "receive_answer", "ask", "receive_read", "handle_next")
steps = st.lists(st.tuples(st.booleans(), st.sampled_from(ACTIONS)), max_size=60)
sizes = st.sampled_from([100, STEP_BYTES // 2, STEP_BYTES + 1])


@given(steps, sizes)
def test_every_interleaving_delivers_each_entry_once_in_order_at_every_process(
    chosen: list[tuple[bool, str]], size: int
) -> None:
    stream = Stream()
    processes = Process(stream, size), Process(stream, size)
    for is_second, action in chosen:
        getattr(processes[is_second], action)()
    for process in processes:
        process.finish()
        assert process.delivered == [entry_id for entry_id, _ in stream.entries]


@given(steps, steps)
def test_restarted_process_delivers_the_entries_after_its_start(
    before: list[tuple[bool, str]], after: list[tuple[bool, str]]
) -> None:
    stream = Stream()
    processes = [Process(stream, 100), Process(stream, 100)]
    for is_second, action in before:
        getattr(processes[is_second], action)()
    processes[1] = Process(stream, 100)
    for is_second, action in after:
        getattr(processes[is_second], action)()
    processes[1].finish()
    assert processes[1].delivered == [entry_id for entry_id, _ in stream.after(processes[1].begun_at)]


@given(steps, steps)
def test_entries_that_redis_lost_are_delivered_or_reported_before_later_ones(
    before: list[tuple[bool, str]], after: list[tuple[bool, str]]
) -> None:
    stream = Stream()
    before_both, _ = stream.append()
    process, other = Process(stream, 100), Process(stream, 100)
    for is_second, action in before:
        getattr((process, other)[is_second], action)()
    lost = [entry_id for entry_id, _ in stream.after(before_both)]
    stream.flush()
    for is_second, action in after:
        getattr((process, other)[is_second], action)()
    process.append()
    process.finish()
    if "loss" in process.delivered:
        at = process.delivered.index("loss")
        assert process.delivered[:at] == lost[:at]
        assert "loss" not in process.delivered[at + 1 :]
        assert process.delivered[at + 1 :] == [entry_id for entry_id, _ in stream.entries]
    else:
        assert process.delivered == [*lost, *(entry_id for entry_id, _ in stream.entries)]


@given(steps, steps, st.integers(1, 60))
def test_entries_after_a_flush_that_sets_the_clock_back_are_delivered_after_a_loss(
    before: list[tuple[bool, str]], after: list[tuple[bool, str]], set_back: int
) -> None:
    stream = Stream()
    before_both, _ = stream.append()
    process, other = Process(stream, 100), Process(stream, 100)
    for is_second, action in before:
        getattr((process, other)[is_second], action)()
    lost, latest = [entry_id for entry_id, _ in stream.after(before_both)], stream.clock
    stream.flush(set_back=set_back)
    for is_second, action in after:
        getattr((process, other)[is_second], action)()
    while stream.clock <= latest:
        other.append()
    process.append()
    process.finish()
    at = process.delivered.index("loss")
    later = process.delivered[at + 1 :]
    assert process.delivered[:at] == lost[:at]
    assert later
    assert later == [entry_id for entry_id, _ in stream.entries][-len(later) :]


def appended(entry_id: str, previous: str) -> AppendedEntry:
    return AppendedEntry(id=entry_id, previous=previous, at=0.0, packed=[])


def position_at(entry_id: str) -> DeliveryPosition:
    position = DeliveryPosition()
    position.id = entry_id
    return position


def test_own_entry_is_accepted_only_after_the_last_delivered_one() -> None:
    position = position_at("5-0")
    assert position.accepts(appended("6-0", "5-0"))
    assert not position.accepts(appended("7-0", "6-0"))


def test_own_entry_before_the_position_is_known_is_not_accepted() -> None:
    assert not DeliveryPosition().accepts(appended("6-0", ""))


def test_own_entry_after_a_loss_is_not_accepted() -> None:
    assert not position_at("5-0").accepts(appended("6-0", ""))


def test_own_entry_with_a_clock_behind_the_position_is_not_accepted() -> None:
    assert not position_at("5-0").accepts(appended("4-0", "5-0"))


def test_own_entry_is_not_accepted_until_sockets_are_drained() -> None:
    position = position_at("5-0")
    position.advance("6-0", STEP_BYTES + 1)
    assert not position.accepts(appended("7-0", "6-0"))
    position.drained()
    assert position.accepts(appended("7-0", "6-0"))
