"""The order of deliveries, and what a receiver that fails costs."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummdesk.relay.webhooks.schedule import (
    FAILED_KEYS,
    LONGEST_BACKOFF_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Schedule,
    backoff,
)
from hummdesk.storage.webhook_deliveries import PendingDelivery

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=3)


def delivery(number: int, key: int, *, give_up_at: datetime = LATER) -> PendingDelivery:
    return PendingDelivery(
        number=number,
        type="new_message",
        ordering_key=UUID(int=key),
        attempts=0,
        next_attempt_at=NOW,
        give_up_at=give_up_at,
        created_at=NOW,
    )


def numbers(taken: list[PendingDelivery]) -> list[int]:
    return [one.number for one in taken]


@pytest.fixture
def schedule() -> Schedule:
    made = Schedule()
    made.add([delivery(1, 1), delivery(2, 1), delivery(3, 2), delivery(4, 3)])
    return made


def test_take_returns_one_delivery_of_each_key(schedule: Schedule) -> None:
    assert numbers(schedule.take(NOW, 8)) == [1, 3, 4]
    assert schedule.take(NOW, 8) == []
    assert schedule.in_flight == 3


def test_later_delivery_of_a_key_waits_for_the_earlier_one(schedule: Schedule) -> None:
    schedule.take(NOW, 8)
    schedule.deliver(3, now=NOW)
    assert schedule.take(NOW, 8) == []
    schedule.deliver(1, now=NOW)
    assert numbers(schedule.take(NOW, 8)) == [2]


def test_failed_delivery_delays_its_key_and_no_other(schedule: Schedule) -> None:
    schedule.take(NOW, 8)
    later = schedule.postpone(1, now=NOW)
    schedule.deliver(3, now=NOW)
    schedule.add([delivery(5, 2), delivery(6, 4)])
    assert numbers(schedule.take(NOW, 8)) == [5, 6]
    assert later.attempts == 1
    assert numbers(schedule.take(later.next_attempt_at, 8)) == [1]


def test_delivery_after_one_that_was_set_aside_follows(schedule: Schedule) -> None:
    schedule.take(NOW, 8)
    schedule.set_aside(1, now=NOW)
    assert numbers(schedule.take(NOW, 8)) == [2]


def test_replayed_delivery_comes_before_later_ones_of_its_key(schedule: Schedule) -> None:
    schedule.add([delivery(10, 5), delivery(9, 5)])
    assert 9 in numbers(schedule.take(NOW, 8))
    schedule.add([delivery(8, 5)])
    schedule.deliver(9, now=NOW)
    assert numbers(schedule.take(NOW, 8)) == [8]


def test_delivery_that_was_put_back_is_taken_again(schedule: Schedule) -> None:
    taken = schedule.take(NOW, 8)
    for one in taken:
        schedule.put_back(one.number)
    assert numbers(schedule.take(NOW, 8)) == numbers(taken)


def failing(schedule: Schedule, keys: int) -> None:
    """Add deliveries of some keys, and let each fail once."""
    schedule.add(delivery(100 + key, 100 + key) for key in range(keys))
    for one in schedule.take(NOW, keys):
        schedule.postpone(one.number, now=NOW)


def test_receiver_that_fails_for_many_keys_is_sent_one_delivery_after_each_pause() -> None:
    schedule = Schedule()
    failing(schedule, FAILED_KEYS)
    assert not schedule.is_receiver_available
    schedule.add(delivery(number, number) for number in range(1, 50))
    assert schedule.take(NOW, 8) == []
    now, attempts = NOW, 0
    while now < NOW + timedelta(hours=1):
        at = schedule.next_at(now)
        assert at is not None
        assert at - now <= timedelta(seconds=LONGEST_PAUSE_SECONDS)
        now = at
        (one,) = schedule.take(now, 8)
        assert schedule.next_at(now) is None
        schedule.postpone(one.number, now=now)
        attempts += 1
    assert 60 <= attempts < 140


def test_receiver_that_is_available_again_gets_everything_at_once() -> None:
    schedule = Schedule()
    failing(schedule, 20)
    now = NOW + timedelta(seconds=LONGEST_PAUSE_SECONDS)
    (probe,) = schedule.take(now, 8)
    schedule.deliver(probe.number, now=now)
    assert schedule.is_receiver_available
    assert len(schedule.take(now, 100)) == 19


def test_failures_of_a_single_key_leave_the_receiver_available() -> None:
    schedule = Schedule()
    schedule.add([delivery(1, 1)])
    now = NOW
    for _ in range(20):
        assert numbers(schedule.take(now, 8)) == [1]
        now = schedule.postpone(1, now=now).next_attempt_at
    assert schedule.is_receiver_available
    assert schedule.is_failing


def test_receiver_that_asks_for_a_pause_is_sent_nothing_meanwhile() -> None:
    schedule = Schedule()
    schedule.add([delivery(1, 1), delivery(2, 2)])
    schedule.take(NOW, 1)
    schedule.postpone(1, now=NOW, pause=30)
    assert schedule.take(NOW + timedelta(seconds=29), 8) == []
    assert schedule.next_at(NOW) == NOW + timedelta(seconds=30)
    assert numbers(schedule.take(NOW + timedelta(seconds=30), 8))[:1] == [2]


def test_expired_deliveries_of_an_unavailable_receiver_end_without_an_attempt() -> None:
    schedule = Schedule()
    failing(schedule, FAILED_KEYS)
    schedule.add(delivery(number, 7, give_up_at=NOW) for number in range(1, 9))
    assert numbers(schedule.expire(NOW)) == list(range(1, 9))
    assert len(schedule) == FAILED_KEYS


def test_expired_delivery_of_an_available_receiver_is_attempted() -> None:
    schedule = Schedule()
    schedule.add([delivery(1, 1, give_up_at=NOW)])
    assert schedule.expire(NOW) == []
    assert numbers(schedule.take(NOW, 8)) == [1]


def test_backoff_doubles_up_to_its_limit_with_jitter() -> None:
    for attempts in range(1000):
        seconds = backoff(attempts, LONGEST_BACKOFF_SECONDS)
        most = min(LONGEST_BACKOFF_SECONDS, 2.0 * 2.0 ** min(attempts, 30))
        assert most / 2 <= seconds <= most


@given(st.integers(0, 2**32))
def test_any_course_of_attempts_ends_each_delivery_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    schedule, now = Schedule(), NOW
    waiting = [delivery(number, chance.randrange(5)) for number in range(1, 40)]
    keys = {one.number: one.ordering_key for one in waiting}
    ended: dict[UUID, list[int]] = defaultdict(list)
    in_flight: list[int] = []
    while waiting or len(schedule):
        for _ in range(chance.randrange(4)):
            if waiting:
                schedule.add([waiting.pop(0)])
        in_flight += numbers(schedule.take(now, 3 - len(in_flight)))
        assert len({keys[number] for number in in_flight}) == len(in_flight) <= 3
        if in_flight:
            number = in_flight.pop(chance.randrange(len(in_flight)))
            match chance.choice(["deliver", "postpone", "postpone", "set aside", "put back"]):
                case "deliver":
                    schedule.deliver(number, now=now)
                    ended[keys[number]].append(number)
                case "set aside":
                    schedule.set_aside(number, now=now)
                    ended[keys[number]].append(number)
                case "postpone":
                    schedule.postpone(number, now=now, pause=chance.choice([0, 0, 20]))
                case _:
                    schedule.put_back(number)
        elif len(schedule):
            at = schedule.next_at(now)
            assert at is not None
            now = max(now, at)
    assert all(numbers == sorted(numbers) for numbers in ended.values())
    assert sorted(number for numbers in ended.values() for number in numbers) == list(range(1, 40))
