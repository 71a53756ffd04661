from dataclasses import replace

import pytest

from hummdesk.core.errors import Unavailable
from tasks import database_retry
from tasks.database_retry import retry_while_unavailable
from tests.unit.tasks.runs import SETTINGS


class Operation:
    """Fails a number of times, then returns."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return "done"


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_retry, "RETRY_SECONDS", 0.0)


async def test_retry_while_unavailable_repeats_until_the_operation_succeeds() -> None:
    operation = Operation(3, Unavailable())
    assert await retry_while_unavailable(SETTINGS, operation) == "done"
    assert operation.calls == 4


async def test_retry_while_unavailable_with_another_error_raises_at_once() -> None:
    operation = Operation(1, LookupError())
    with pytest.raises(LookupError):
        await retry_while_unavailable(SETTINGS, operation)
    assert operation.calls == 1


async def test_retry_while_unavailable_past_half_of_the_margin_of_the_hard_limit_raises() -> None:
    settings = replace(SETTINGS, ai_soft_limit_seconds=1.0, ai_hard_limit_seconds=1.02)
    operation = Operation(10**9, Unavailable())
    with pytest.raises(Unavailable):
        await retry_while_unavailable(settings, operation)
    assert operation.calls > 1
