from dataclasses import replace

import pytest

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.ids import new_id
from tasks.provider_policy import (
    RESERVED_SECONDS,
    partition,
    provider_name,
    request_seconds,
    should_retry,
)
from tests.unit.tasks.runs import SETTINGS, claimed_run


def test_provider_name_without_choice_of_the_account_is_the_default() -> None:
    settings = replace(SETTINGS, ai_provider="anthropic")
    assert provider_name(claimed_run(), settings) == "anthropic"
    assert provider_name(claimed_run(provider="embedded"), settings) == "embedded"


def test_request_seconds_with_much_time_left_stays_below_the_soft_limit() -> None:
    assert request_seconds(claimed_run(seconds_left=600), SETTINGS) == 0.9 * SETTINGS.ai_soft_limit_seconds


def test_request_seconds_near_the_deadline_reserves_time_for_the_fallback() -> None:
    assert request_seconds(claimed_run(seconds_left=10), SETTINGS) == pytest.approx(10 - RESERVED_SECONDS, abs=0.5)


def test_request_seconds_with_too_little_time_is_refused() -> None:
    with pytest.raises(ProviderRefused) as refused:
        request_seconds(claimed_run(seconds_left=RESERVED_SECONDS + 0.9), SETTINGS)
    assert refused.value.code == "no_time"


def test_request_seconds_with_a_soft_limit_below_the_minimum_is_not_refused() -> None:
    settings = replace(SETTINGS, ai_soft_limit_seconds=0.5)
    assert request_seconds(claimed_run(), settings) == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("error", "attempts", "seconds_left", "expected"),
    [
        (ProviderError("503"), 1, 60.0, True),
        (TimeoutError(), 2, 60.0, True),
        (ProviderRefused("400"), 1, 60.0, False),
        (ProviderError("503"), 3, 60.0, False),  # the last attempt
        (ProviderError("503"), 1, 3.5, False),  # 1 s of delay, 2 s reserved: too little is left for a request
        (ProviderError("503"), 1, 4.5, True),
        (ProviderError("429", retry_after=58.0), 1, 60.0, False),
        (ProviderError("429", retry_after=20.0), 1, 60.0, True),
    ],
)
def test_should_retry_depends_on_error_attempts_and_time_left(
    error: Exception, attempts: int, seconds_left: float, expected: bool
) -> None:
    assert should_retry(claimed_run(attempts=attempts, seconds_left=seconds_left), error, SETTINGS) is expected


def test_partition_by_provider_keeps_own_runs_in_order() -> None:
    embedded, anthropic, openai = new_id(), new_id(), new_id()
    keys = [(account_id, new_id()) for account_id in (anthropic, embedded, openai, embedded, anthropic)]
    providers = {embedded: "embedded", anthropic: "anthropic", openai: "openai"}
    own, forwarded = partition(keys, providers, ["anthropic"])
    assert own == [keys[1], keys[2], keys[3]], "openai is not configured, so its runs are processed here"
    assert forwarded == {"anthropic": [keys[0], keys[4]]}
