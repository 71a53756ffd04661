"""Failures of attempts: what each exception means, and whether the run is retried."""

from dataclasses import dataclass

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core import run_errors
from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.storage.runs import AttemptResult, ClaimedRun
from tasks.backoff import backoff_seconds


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    message: str
    """Safe to show to staff."""
    permanent: bool = False


FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (TimeoutError, Failure("TIMEOUT", run_errors.LATE)),
    (ProviderRefused, Failure("REFUSED", run_errors.REFUSED, permanent=True)),
    (ProviderError, Failure("PROVIDER_ERROR", run_errors.UNUSABLE)),
    (Unavailable, Failure("UNAVAILABLE", run_errors.SERVICE_DOWN)),
    (HummDeskError, Failure("UNPROCESSABLE", run_errors.GONE, permanent=True)),
    (Exception, Failure("INTERNAL_ERROR", run_errors.UNEXPLAINED)),
)
"""The first matching type counts."""


def failure_of(error: Exception) -> Failure:
    return next(failure for kind, failure in FAILURES if isinstance(error, kind))


def failed_attempt(run: ClaimedRun, error: Exception, settings: Settings) -> AttemptResult:
    """Retry the run after a delay; fail it after a permanent failure or the last allowed attempt."""
    failure = failure_of(error)
    if failure.permanent or run.attempts >= settings.ai_max_attempts:
        return AttemptResult(run=run, status="failed", error=failure.message)
    delay = backoff_seconds(settings, run.attempts, error)
    return AttemptResult(run=run, status="pending", error=failure.message, delay_seconds=delay)
