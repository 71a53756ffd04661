import pytest

from hummdesk.ai.protocol import ProviderError
from tasks.backoff import backoff_seconds, max_backoff_seconds
from tests.unit.tasks.runs import SETTINGS


@pytest.mark.parametrize(("attempts", "expected"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (60, 10.0)])
def test_max_backoff_with_each_attempt_doubles_up_to_the_cap(attempts: int, expected: float) -> None:
    assert max_backoff_seconds(SETTINGS, attempts, TimeoutError()) == expected


def test_max_backoff_with_longer_retry_after_is_the_retry_after() -> None:
    assert max_backoff_seconds(SETTINGS, 1, ProviderError("429", retry_after=25.0)) == 25.0
    assert max_backoff_seconds(SETTINGS, 3, ProviderError("429", retry_after=0.5)) == 4.0


def test_backoff_is_between_half_of_the_maximum_and_the_maximum() -> None:
    delays = [backoff_seconds(SETTINGS, 3, TimeoutError()) for _ in range(200)]
    assert all(2.0 <= delay <= 4.0 for delay in delays)
    assert len(set(delays)) > 100, "delays are random"


def test_backoff_is_never_shorter_than_the_retry_after() -> None:
    error = ProviderError("429", retry_after=3.9)
    assert all(backoff_seconds(SETTINGS, 3, error) >= 3.9 for _ in range(50))
