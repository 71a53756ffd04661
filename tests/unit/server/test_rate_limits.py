import pytest

from hummdesk.server.rate_limits import TokenBucket


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_bucket_allows_a_burst_and_then_the_rate(clock: Clock) -> None:
    bucket = TokenBucket(rate=2, burst=4, clock=clock)
    assert [bucket.take() for _ in range(5)] == [0, 0, 0, 0, 0.5]
    clock.now += 0.5
    assert [bucket.take() for _ in range(2)] == [0, 0.5]


def test_refused_request_takes_no_token(clock: Clock) -> None:
    bucket = TokenBucket(rate=1, burst=1, clock=clock)
    assert [bucket.take() for _ in range(3)] == [0, 1, 1]
    clock.now += 1
    assert bucket.take() == 0


def test_bucket_holds_no_more_than_the_burst(clock: Clock) -> None:
    bucket = TokenBucket(rate=10, burst=2, clock=clock)
    clock.now += 1000
    assert [bucket.take() for _ in range(3)] == [0, 0, 0.1]


def test_rate_of_zero_is_no_limit(clock: Clock) -> None:
    bucket = TokenBucket(rate=0, burst=0, clock=clock)
    assert [bucket.take() for _ in range(1000)] == [0] * 1000


def test_bucket_takes_several_tokens_or_none(clock: Clock) -> None:
    bucket = TokenBucket(rate=2, burst=20, clock=clock)
    assert [bucket.take(10), bucket.take(10), bucket.take(10)] == [0, 0, 5]


def test_more_tokens_than_the_burst_take_the_whole_burst(clock: Clock) -> None:
    bucket = TokenBucket(rate=1, burst=2, clock=clock)
    assert [bucket.take(10), bucket.take(10)] == [0, 2]
