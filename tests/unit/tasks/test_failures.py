import pytest

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.errors import Conflict, NotFound, Unavailable
from tasks.failures import failed_attempt, failure_of
from tasks.watchdog import StepTimeout
from tests.unit.tasks.runs import SETTINGS, claimed_run


@pytest.mark.parametrize(
    ("error", "code", "permanent"),
    [
        (TimeoutError(), "TIMEOUT", False),
        (StepTimeout(), "TIMEOUT", False),
        (ProviderError("503"), "PROVIDER_ERROR", False),
        (ProviderRefused("400"), "REFUSED", True),
        (Unavailable(), "UNAVAILABLE", False),
        (NotFound(), "UNPROCESSABLE", True),
        (Conflict(), "UNPROCESSABLE", True),
        (KeyError("bug"), "INTERNAL_ERROR", False),
    ],
)
def test_failure_of_each_exception_has_its_code_and_permanence(error: Exception, code: str, permanent: bool) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.permanent) == (code, permanent)


def test_failure_of_an_exception_never_quotes_it() -> None:
    assert "secret" not in failure_of(KeyError("secret")).message


def test_failed_attempt_with_transient_failure_is_retried_after_a_delay() -> None:
    run = claimed_run(attempts=2)
    result = failed_attempt(run, ProviderError("503"), SETTINGS)
    assert (result.run, result.status, result.error) == (run, "pending", "The AI gave no usable answer")
    assert 1.0 <= result.delay_seconds <= 2.0


def test_failed_attempt_with_permanent_failure_fails_the_run() -> None:
    result = failed_attempt(claimed_run(), ProviderRefused("400"), SETTINGS)
    assert (result.status, result.error, result.outcome) == ("failed", "The AI cannot process this message", None)


def test_failed_attempt_that_was_the_last_allowed_fails_the_run() -> None:
    result = failed_attempt(claimed_run(attempts=SETTINGS.ai_max_attempts), ProviderError("503"), SETTINGS)
    assert (result.status, result.error) == ("failed", "The AI gave no usable answer")
