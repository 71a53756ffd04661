"""Leases of token buckets, with answers of Redis that the tests make up."""

import pytest

from hummdesk.bus import token_leases
from hummdesk.bus.token_leases import (
    IDLE_SECONDS,
    RETRY_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    Charge,
    Limit,
    Refusal,
    Renewal,
    TokenLeases,
)

LIMIT = Limit("messages", rate=2, burst=40)
CHARGE = Charge(LIMIT, "ada")
KEY = ("messages", "ada")


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> TokenLeases:
    return TokenLeases(clock=clock)


def spend(leases: TokenLeases, number: int, charge: Charge = CHARGE) -> int:
    """Take so many times; return how often it was allowed."""
    return sum(leases.take([charge]) is None for _ in range(number))


def renewal(leases: TokenLeases) -> Renewal:
    [found] = leases.take_due()
    return found


def test_first_batch_is_allowed_before_redis_answers(leases: TokenLeases) -> None:
    assert spend(leases, 100) == 10


def test_next_batch_is_requested_once_before_the_first_is_spent(leases: TokenLeases) -> None:
    assert spend(leases, 5) == 5
    assert leases.take_due() == []
    assert spend(leases, 5) == 5
    assert leases.take_due() == [Renewal(KEY, LIMIT, debt=10, wanted=10)]


def test_granted_tokens_are_allowed_and_the_debt_is_paid_once(leases: TokenLeases) -> None:
    spend(leases, 10)
    leases.renewed(renewal(leases), granted=10, left=20)
    assert spend(leases, 10) == 10
    assert renewal(leases).debt == 0


def test_empty_bucket_is_asked_again_only_after_a_pause(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 10)
    leases.renewed(renewal(leases), granted=0, left=-3)
    refusal = leases.take([CHARGE])
    assert refusal == Refusal("messages", 2.0)  # three tokens of debt and one to take, at two a second
    assert leases.take_due() == []
    clock.now += 2.0
    assert leases.take([CHARGE]) == Refusal("messages", SHORTEST_PAUSE_SECONDS)
    assert renewal(leases).wanted == 10


def test_refused_charges_take_nothing_from_any_bucket(leases: TokenLeases) -> None:
    empty = Charge(Limit("bytes", rate=1, burst=4), "ada")
    spend(leases, 1, empty)
    for _ in range(100):
        assert leases.take([CHARGE, empty]) is not None
    assert spend(leases, 100) == 10


def test_refusal_names_the_limit_with_the_longest_wait(leases: TokenLeases) -> None:
    slow = Charge(Limit("slow", rate=0.001, burst=4), "ada")
    fast = Charge(Limit("fast", rate=100, burst=4), "ada")
    for charge in (slow, fast):
        spend(leases, 1, charge)
        leases.renewed(renewal(leases), granted=0, left=0)
    refusal = leases.take([fast, slow])
    assert refusal is not None
    assert (refusal.limit, round(refusal.retry_after)) == ("slow", 1000)


def test_charge_above_the_burst_pays_the_burst(leases: TokenLeases) -> None:
    large = Charge(LIMIT, "ada", tokens=1000)
    assert leases.take([large]) is not None
    assert renewal(leases).wanted == 30
    leases.renewed(Renewal(KEY, LIMIT, debt=10, wanted=30), granted=30, left=0)
    assert leases.take([large]) is None


def test_rate_of_zero_is_no_limit(leases: TokenLeases) -> None:
    assert spend(leases, 1000, Charge(Limit("off", rate=0, burst=0), "ada")) == 1000
    assert len(leases) == 0


def test_while_redis_is_away_the_process_applies_the_rate(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 10)
    leases.failed(renewal(leases))
    assert spend(leases, 10) == 0
    clock.now += RETRY_SECONDS / 2
    assert spend(leases, 10) == 1
    clock.now += 3600
    assert spend(leases, 100) == 40


def test_while_redis_is_away_one_attempt_a_second_is_made(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 10)
    leases.failed(renewal(leases))
    spend(leases, 10)
    assert leases.take_due() == []
    clock.now += RETRY_SECONDS
    assert leases.is_away
    spend(leases, 10)
    assert renewal(leases).debt == 10


def test_after_an_answer_of_redis_the_rate_is_shared_again(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 10)
    leases.failed(renewal(leases))
    clock.now += RETRY_SECONDS
    spend(leases, 10)
    leases.renewed(renewal(leases), granted=0, left=-10)
    assert not leases.is_away
    clock.now += 1
    assert spend(leases, 10) == 0


def test_idle_lease_is_forgotten_and_returns_its_tokens(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 10)
    leases.renewed(renewal(leases), granted=10, left=20)
    spend(leases, 1)
    clock.now += IDLE_SECONDS / 2
    spend(leases, 1, Charge(LIMIT, "bob"))
    clock.now += IDLE_SECONDS / 2
    assert leases.take_idle() == [Renewal(KEY, LIMIT, debt=-9, wanted=0)]
    assert len(leases) == 1


def test_seconds_until_idle_is_that_of_the_least_recently_used_lease(leases: TokenLeases, clock: Clock) -> None:
    assert leases.seconds_until_idle() == IDLE_SECONDS
    spend(leases, 1)
    clock.now += IDLE_SECONDS / 2
    spend(leases, 1, Charge(LIMIT, "bob"))
    assert leases.seconds_until_idle() == IDLE_SECONDS / 2
    spend(leases, 1)
    assert leases.seconds_until_idle() == IDLE_SECONDS


def test_idle_lease_that_redis_has_never_seen_pays_its_debt(leases: TokenLeases, clock: Clock) -> None:
    spend(leases, 3)
    clock.now += IDLE_SECONDS
    assert leases.take_idle() == [Renewal(KEY, LIMIT, debt=3, wanted=0)]


def test_least_recently_used_lease_is_forgotten_beyond_the_maximum(
    leases: TokenLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_leases, "MAX_LEASES", 100)
    for number in range(1000):
        spend(leases, 1, Charge(LIMIT, str(number)))
        spend(leases, 0)
    assert len(leases) == 100


def test_lease_being_renewed_is_not_idle_and_returns_the_tokens_that_are_granted_late(
    leases: TokenLeases, clock: Clock
) -> None:
    spend(leases, 10)
    late = renewal(leases)
    spend(leases, 3, Charge(LIMIT, "bob"))
    clock.now += IDLE_SECONDS
    assert [returned.key for returned in leases.take_idle()] == [("messages", "bob")]
    leases.renewed(late, granted=10, left=20)
    assert leases.take_idle() == [Renewal(KEY, LIMIT, debt=-10, wanted=0)]
    assert len(leases) == 0


def test_answer_for_a_forgotten_lease_is_ignored(leases: TokenLeases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_leases, "MAX_LEASES", 1)
    spend(leases, 10)
    late = renewal(leases)
    spend(leases, 1, Charge(LIMIT, "bob"))
    leases.renewed(late, granted=10, left=0)
    assert leases.remaining(LIMIT, "ada") == LIMIT.burst
    assert len(leases) == 1


def test_remaining_tokens_are_those_of_the_process_and_of_redis(leases: TokenLeases, clock: Clock) -> None:
    assert leases.remaining(LIMIT, "ada") == 40
    spend(leases, 10)
    assert leases.remaining(LIMIT, "ada") == 30
    leases.renewed(renewal(leases), granted=10, left=5)  # other processes have taken 15
    assert leases.remaining(LIMIT, "ada") == 15
    clock.now += 3
    assert leases.remaining(LIMIT, "ada") == 21
    clock.now += 60
    assert leases.remaining(LIMIT, "ada") == 40
