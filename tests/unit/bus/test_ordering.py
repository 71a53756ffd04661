import random
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hummdesk.bus import ordering
from hummdesk.bus.ordering import FetchMissing, MessageOrder, Result, WaitFor, WriteNow

CONVERSATION = UUID(int=1)
OTHER = UUID(int=2)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def order(clock: Clock) -> MessageOrder[str]:
    return MessageOrder(can_fetch=True, clock=clock)


def rejected(seq: int, last: int) -> Result[str]:
    return Result(seq, f"m{seq}", last)


def accepted(seq: int) -> Result[str]:
    return Result(seq, f"m{seq}", None)


def wait_of(action: object) -> WaitFor:
    assert isinstance(action, WaitFor)
    return action


def test_message_of_a_conversation_without_held_messages_is_not_held(order: MessageOrder[str]) -> None:
    assert not order.hold(CONVERSATION, 1, "m1")
    assert order.is_empty


def test_rejected_message_is_held_and_written_again_after_a_wait(order: MessageOrder[str]) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(2, last=0)]))
    assert wait.seconds == ordering.FIRST_RETRY_SECONDS
    assert not order.is_empty
    assert order.timer_fired(CONVERSATION, wait.hold) == WriteNow(["m2"])


def test_later_messages_of_a_held_conversation_are_written_in_order(order: MessageOrder[str]) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(3, last=1)]))
    assert order.hold(CONVERSATION, 5, "m5")
    assert order.hold(CONVERSATION, 4, "m4")
    assert not order.hold(OTHER, 1, "m1")
    assert order.timer_fired(CONVERSATION, wait.hold) == WriteNow(["m3", "m4", "m5"])


def test_accepted_message_releases_the_conversation_and_what_was_held_meanwhile(order: MessageOrder[str]) -> None:
    order.record(CONVERSATION, [rejected(2, last=0)])
    order.hold(CONVERSATION, 3, "m3")
    assert order.record(CONVERSATION, [accepted(2)]) == WriteNow(["m3"])
    assert order.is_empty


def test_second_rejection_while_a_timer_runs_starts_no_other_timer(order: MessageOrder[str]) -> None:
    order.record(CONVERSATION, [rejected(3, last=1)])
    assert order.record(CONVERSATION, [rejected(4, last=1)]) is None


def test_wait_doubles_up_to_the_longest_and_starts_over_with_progress(order: MessageOrder[str], clock: Clock) -> None:
    waits = []
    for last in (1, 1, 1, 1, 1, 1, 1, 2):
        wait = wait_of(order.record(CONVERSATION, [rejected(9, last=last)]))
        order.timer_fired(CONVERSATION, wait.hold)
        waits.append(wait.seconds)
    assert waits == [0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.1, 0.005]


def test_missing_messages_are_fetched_after_the_hold_time(order: MessageOrder[str], clock: Clock) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(4, last=1), rejected(5, last=1)]))
    clock.now += ordering.HOLD_SECONDS
    fetch = order.timer_fired(CONVERSATION, wait.hold)
    assert fetch == FetchMissing(after_seq=1, before="m5", hold=wait.hold)
    assert order.fetched(CONVERSATION, wait.hold, {2: "m2", 3: "m3"}) == WriteNow(["m2", "m3", "m4", "m5"], forced=4)


def test_messages_since_the_last_pause_are_forced_if_redis_knows_no_message(
    order: MessageOrder[str], clock: Clock
) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(207, last=-1), rejected(209, last=-1)]))
    clock.now += ordering.HOLD_SECONDS
    fetch = order.timer_fired(CONVERSATION, wait.hold)
    assert fetch == FetchMissing(after_seq=206 - ordering.UNKNOWN_FETCHED, before="m209", hold=wait.hold)
    found = {seq: f"m{seq}" for seq in (203, 204, 205, 206, 208)}
    action = order.fetched(CONVERSATION, wait.hold, found, beginnings={203, 205, 208})
    assert action == WriteNow(["m205", "m206", "m207", "m208", "m209"], forced=5)


def test_messages_since_the_last_known_one_are_forced_whatever_pauses_there_were(
    order: MessageOrder[str], clock: Clock
) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(4, last=1)]))
    clock.now += ordering.HOLD_SECONDS
    order.timer_fired(CONVERSATION, wait.hold)
    action = order.fetched(CONVERSATION, wait.hold, {2: "m2", 3: "m3"}, beginnings={3})
    assert action == WriteNow(["m2", "m3", "m4"], forced=3)


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def small(clock: Clock, dropped: list[str]) -> MessageOrder[str]:
    """Holds three messages."""
    return MessageOrder(can_fetch=True, clock=clock, size=len, max_bytes=6, on_drop=dropped.append)


def test_last_messages_of_a_conversation_are_dropped_beyond_the_bytes(
    small: MessageOrder[str], dropped: list[str]
) -> None:
    wait = wait_of(small.record(CONVERSATION, [rejected(3, last=1), rejected(5, last=1)]))
    assert small.hold(CONVERSATION, 7, "m7")
    assert small.hold(CONVERSATION, 8, "m8")
    assert small.hold(CONVERSATION, 4, "m4")
    assert dropped == ["m8", "m7"]
    assert small.held_bytes == 6
    assert small.timer_fired(CONVERSATION, wait.hold) == WriteNow(["m3", "m4", "m5"])
    assert small.record(CONVERSATION, [accepted(3), accepted(4), accepted(5)]) == WriteNow([])
    assert small.held_bytes == 0


def test_message_that_does_not_fit_beside_those_of_other_conversations_is_dropped(
    small: MessageOrder[str], dropped: list[str]
) -> None:
    small.record(OTHER, [rejected(seq, last=0) for seq in (2, 3, 4)])
    assert small.record(CONVERSATION, [rejected(9, last=1)]) is None
    assert dropped == ["m9"]
    assert not small.is_holding(CONVERSATION)
    assert small.is_holding(OTHER)


def test_messages_after_a_gap_are_not_forced(order: MessageOrder[str], clock: Clock) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(3, last=0), rejected(5, last=0)]))
    clock.now += ordering.HOLD_SECONDS
    order.timer_fired(CONVERSATION, wait.hold)
    assert order.fetched(CONVERSATION, wait.hold, {2: "m2"}) == WriteNow(["m2", "m3", "m5"], forced=2)


def test_failed_fetch_is_repeated_after_another_hold_time(order: MessageOrder[str], clock: Clock) -> None:
    wait = wait_of(order.record(CONVERSATION, [rejected(3, last=1)]))
    clock.now += ordering.HOLD_SECONDS
    assert isinstance(order.timer_fired(CONVERSATION, wait.hold), FetchMissing)
    wait = wait_of(order.fetch_failed(CONVERSATION, wait.hold))
    assert isinstance(order.timer_fired(CONVERSATION, wait.hold), WriteNow)
    wait = wait_of(order.record(CONVERSATION, [rejected(3, last=1)]))
    clock.now += ordering.HOLD_SECONDS
    assert isinstance(order.timer_fired(CONVERSATION, wait.hold), FetchMissing)


def test_without_fetch_held_messages_are_forced_and_progress_extends_the_hold_time(clock: Clock) -> None:
    order: MessageOrder[str] = MessageOrder(can_fetch=False, clock=clock)
    wait = wait_of(order.record(CONVERSATION, [rejected(4, last=1)]))
    clock.now += 0.9 * ordering.HOLD_SECONDS
    order.timer_fired(CONVERSATION, wait.hold)
    wait = wait_of(order.record(CONVERSATION, [rejected(4, last=2)]))
    clock.now += 0.9 * ordering.HOLD_SECONDS
    assert order.timer_fired(CONVERSATION, wait.hold) == WriteNow(["m4"])
    wait = wait_of(order.record(CONVERSATION, [rejected(4, last=2)]))
    clock.now += 0.2 * ordering.HOLD_SECONDS
    assert order.timer_fired(CONVERSATION, wait.hold) == WriteNow(["m4"], forced=1)


def test_timer_and_fetch_of_a_hold_that_has_ended_do_nothing(order: MessageOrder[str]) -> None:
    old = wait_of(order.record(CONVERSATION, [rejected(2, last=0)])).hold
    order.record(CONVERSATION, [accepted(2)])
    new = wait_of(order.record(CONVERSATION, [rejected(5, last=2)]))
    assert order.timer_fired(CONVERSATION, old) is None
    assert order.fetched(CONVERSATION, old, {1: "m1"}) is None
    assert order.fetch_failed(CONVERSATION, old) is None
    assert order.timer_fired(CONVERSATION, new.hold) == WriteNow(["m5"])


# Several processes ----------------------------------------------------------------------------------------------------


@dataclass
class Stream:
    """The stream of one conversation that Redis knows, with the rule of append.lua."""

    seqs: list[int] = field(default_factory=lambda: [0])

    def append(self, seq: int, *, forced: bool) -> int | None:
        last = self.seqs[-1]
        if seq > last:
            if seq != last + 1 and not forced:
                return last
            self.seqs.append(seq)
        return None


class Process:
    def __init__(self, stream: Stream, clock: Clock) -> None:
        self.order: MessageOrder[int] = MessageOrder(can_fetch=True, clock=clock)
        self._stream = stream
        self._clock = clock
        self._timer: tuple[float, int] | None = None

    def publish(self, seq: int) -> None:
        if not self.order.hold(CONVERSATION, seq, seq):
            self._write([seq], forced=0)

    def run_timer(self) -> None:
        if self._timer is not None and self._timer[0] <= self._clock.now:
            number, self._timer = self._timer[1], None
            self._act(self.order.timer_fired(CONVERSATION, number))

    def _write(self, seqs: list[int], *, forced: int) -> None:
        results = [Result(seq, seq, self._stream.append(seq, forced=index < forced)) for index, seq in enumerate(seqs)]
        if self.order.is_holding(CONVERSATION) or any(result.rejected_after is not None for result in results):
            self._act(self.order.record(CONVERSATION, results))

    def _act(self, action: WriteNow[int] | WaitFor | FetchMissing[int] | None) -> None:
        match action:
            case WriteNow(messages, forced):
                self._write(messages, forced=forced)
            case WaitFor(seconds, hold):
                self._timer = (self._clock.now + seconds, hold)
            case FetchMissing(after_seq, before, hold):
                missing = {seq: seq for seq in range(after_seq + 1, before)}
                self._act(self.order.fetched(CONVERSATION, hold, missing))


@settings(deadline=None, max_examples=50)
@given(
    seqs=st.permutations(range(1, 13)),
    publishers=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    seed=st.integers(0, 1000),
)
def test_messages_of_several_processes_reach_the_stream_in_order_and_once(
    seqs: list[int], publishers: list[int], seed: int
) -> None:
    """Publisher 3 has crashed between commit and publication: the others fetch its messages."""
    clock, stream, pauses = Clock(), Stream(), random.Random(seed)
    processes = [Process(stream, clock) for _ in range(3)]
    for seq, publisher in zip(seqs, publishers, strict=True):
        if publisher < 3:
            processes[publisher].publish(seq)
        clock.now += pauses.choice([0.0, 0.001, 0.2])
        for process in processes:
            process.run_timer()
    for _ in range(500):
        clock.now += 0.02
        for process in processes:
            process.run_timer()
        if all(process.order.is_empty for process in processes):
            break
    published = [seq for seq, publisher in zip(seqs, publishers, strict=True) if publisher < 3]
    assert all(process.order.is_empty for process in processes)
    assert stream.seqs == list(range(max(published, default=0) + 1))
