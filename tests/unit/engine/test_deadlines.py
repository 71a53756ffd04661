"""Timers that share one delay, with a fake clock."""

import pytest

from hummdesk.engine.deadlines import RESOLUTION_SECONDS, Deadlines
from tests.unit.engine.conftest import FakeClock


def test_start_after_delay_expires_keys_in_order_of_start(clock: FakeClock) -> None:
    expired: list[str] = []
    deadlines = Deadlines(10, expired.append)
    deadlines.start("a")
    clock.advance(1)
    deadlines.start("b")
    clock.advance(8.9)
    assert expired == []
    clock.advance(0.2)
    assert expired == ["a"]
    clock.advance(1)
    assert expired == ["a", "b"]
    assert len(deadlines) == 0
    assert clock.pending_timers == 0


def test_start_of_a_waiting_key_restarts_its_delay(clock: FakeClock) -> None:
    expired: list[str] = []
    deadlines = Deadlines(10, expired.append)
    deadlines.start("a")
    clock.advance(9)
    deadlines.start("a")
    clock.advance(9)
    assert expired == []
    clock.advance(1.1)
    assert expired == ["a"]


def test_cancelled_key_does_not_expire(clock: FakeClock) -> None:
    expired: list[str] = []
    deadlines = Deadlines(10, expired.append)
    deadlines.start("a")
    deadlines.start("b")
    deadlines.cancel("a")
    deadlines.cancel("unknown")
    clock.advance(11)
    assert expired == ["b"]


def test_key_cancelled_by_an_earlier_callback_does_not_expire(clock: FakeClock) -> None:
    expired: list[str] = []

    def on_expired(key: str) -> None:
        expired.append(key)
        deadlines.cancel("b")

    deadlines = Deadlines(10, on_expired)
    for key in "abc":
        deadlines.start(key)
    clock.advance(11)
    assert expired == ["a", "c"]


def test_many_keys_share_one_timer(clock: FakeClock) -> None:
    deadlines: Deadlines[int] = Deadlines(10, lambda key: None)
    for number in range(1000):
        deadlines.start(number)
        clock.advance(0.001)
    assert clock.pending_timers == 1


@pytest.mark.parametrize("precision", [RESOLUTION_SECONDS, 0.5])
def test_keys_closer_than_the_precision_expire_together(clock: FakeClock, precision: float) -> None:
    moments: list[float] = []
    deadlines: Deadlines[int] = Deadlines(10, lambda key: moments.append(clock.now), precision=precision)
    started = clock.now
    for number in range(3):
        deadlines.start(number)
        clock.advance(precision * 0.6)
    clock.advance(11)
    assert moments == pytest.approx([started + 10, started + 10, started + 10 + 2 * precision * 0.6])


def test_expiring_is_the_deadline_of_the_key_also_if_it_expires_early(clock: FakeClock) -> None:
    deadlines_of: dict[str, float] = {}
    deadlines: Deadlines[str] = Deadlines(10, lambda key: deadlines_of.update({key: deadlines.expiring}), precision=0.5)
    started = clock.now
    deadlines.start("a")
    clock.advance(0.4)
    deadlines.start("b")
    clock.advance(9.6)
    assert deadlines_of == pytest.approx({"a": started + 10, "b": started + 10.4})


@pytest.mark.parametrize("since", [-3, 0.02])
def test_start_since_another_time_counts_the_delay_from_it(clock: FakeClock, since: float) -> None:
    moments: list[float] = []
    deadlines: Deadlines[str] = Deadlines(10, lambda key: moments.append(clock.now))
    started = clock.now
    deadlines.start("a", since=started + since)
    clock.advance(11)
    assert moments == [pytest.approx(started + since + 10)]


@pytest.mark.parametrize("early", [0, 0.0001, 0.00099])
def test_timer_that_is_early_by_a_millisecond_expires_its_keys(clock: FakeClock, early: float) -> None:
    """uvloop rounds its clock and its timers to milliseconds."""
    moments: list[float] = []
    deadlines: Deadlines[int] = Deadlines(10, lambda key: moments.append(clock.now))
    clock.early = early
    started = clock.now
    deadlines.start(0)
    clock.advance(11)
    assert moments == [pytest.approx(started + 10 - early)]


def test_key_expires_on_time_whatever_expired_just_before(clock: FakeClock) -> None:
    expired: dict[str, float] = {}
    deadlines: Deadlines[str] = Deadlines(10, lambda key: expired.update({key: clock.now}))
    started = clock.now
    deadlines.start("a")
    clock.advance(0.002)
    deadlines.start("b")
    clock.advance(11)
    assert expired == pytest.approx({"a": started + 10, "b": started + 10.002})


def test_clear_cancels_the_timer(clock: FakeClock) -> None:
    deadlines: Deadlines[str] = Deadlines(10, lambda key: None)
    deadlines.start("a")
    deadlines.clear()
    assert len(deadlines) == clock.pending_timers == 0
