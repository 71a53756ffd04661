"""Which provider answers a run, without any model."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from hummdesk.ai import providers
from hummdesk.ai.protocol import Provider, ProviderError, ProviderRefused
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ModelCall, TokenUsage
from hummdesk.storage import model_calls
from hummdesk.storage.database import Database
from tasks import provider_choice
from tasks.provider_choice import ProviderAnswer, ProviderSelector
from tests.unit.tasks.runs import SETTINGS, claimed_run

CALL = ModelCall(
    provider="anthropic", model="m", prompt="p@1", outcome="ok", usage=TokenUsage(), cost=Decimal("0.5"), seconds=0.1
)
EXTERNAL = claimed_run(provider="anthropic", seconds_left=86_400.0)  # counted from the import of this module


class StoredCalls:
    """Stands in for PostgreSQL: keeps the calls that are stored."""

    def __init__(self) -> None:
        self.calls: list[tuple[ModelCall, bool]] = []
        self.is_available = True

    @asynccontextmanager
    async def account(self, account_id: UUID) -> AsyncIterator[None]:
        if not self.is_available:
            raise Unavailable
        yield

    async def store(self, tx: None, run_id: UUID, calls: list[ModelCall], *, fallback: bool) -> None:
        self.calls += [(call, fallback) for call in calls]


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> StoredCalls:
    stored = StoredCalls()
    monkeypatch.setattr(model_calls, "store", stored.store)
    return stored


@pytest.fixture
def selector(stored: StoredCalls, monkeypatch: pytest.MonkeyPatch) -> ProviderSelector:
    class External:
        """A configured external provider that records one call for each request."""

        def __init__(self, name: str, settings: Any) -> None:
            self._name = name

        def provider(self, *, record: Callable[[ModelCall], None], **_: Any) -> Any:
            record(CALL)
            return SimpleNamespace(name=self._name)

    monkeypatch.setattr(providers, "local_provider", lambda name: SimpleNamespace(name=name))
    monkeypatch.setattr(provider_choice, "ExternalModel", External)
    return ProviderSelector(SETTINGS, cast(Database, stored))


async def name_of(provider: Provider) -> str:
    return provider.name


def failing(error: Exception) -> Callable[[Provider], Any]:
    """A request that fails at external providers and succeeds at the embedded one."""

    async def request(provider: Provider) -> str:
        if provider.name != "embedded":
            raise error
        return provider.name

    return request


async def test_ask_by_default_is_answered_by_the_embedded_provider(
    selector: ProviderSelector, stored: StoredCalls
) -> None:
    answer = await selector.ask(claimed_run(), name_of)
    assert answer == ProviderAnswer(value="embedded", provider="embedded")
    assert answer.source == {"provider": "embedded"}
    assert stored.calls == []


async def test_ask_with_chosen_provider_is_answered_by_it_and_stores_the_call(
    selector: ProviderSelector, stored: StoredCalls
) -> None:
    answer = await selector.ask(EXTERNAL, name_of)
    assert (answer.value, answer.source) == ("anthropic", {"provider": "anthropic"})
    assert stored.calls == [(CALL, False)]


async def test_ask_with_transient_failure_raises_for_a_retry_and_stores_the_call(
    selector: ProviderSelector, stored: StoredCalls
) -> None:
    with pytest.raises(ProviderError, match="503"):
        await selector.ask(EXTERNAL, failing(ProviderError("503")))
    assert stored.calls == [(CALL, False)]


@pytest.mark.parametrize(
    ("error", "code"), [(ProviderRefused("400", code="refused"), "refused"), (KeyError("bug"), "failed")]
)
async def test_ask_with_failure_of_the_last_attempt_falls_back_to_the_embedded_provider(
    selector: ProviderSelector, stored: StoredCalls, error: Exception, code: str
) -> None:
    run = replace(EXTERNAL, attempts=SETTINGS.ai_max_attempts)
    answer = await selector.ask(run, failing(error))
    assert answer.source == {"provider": "embedded", "fallback": code}
    assert stored.calls == [(CALL, True)]


async def test_ask_with_provider_that_has_no_key_falls_back(selector: ProviderSelector) -> None:
    answer = await selector.ask(claimed_run(provider="openai"), name_of)
    assert answer.source == {"provider": "embedded", "fallback": "not_configured"}


async def test_ask_without_time_left_falls_back_without_a_call(selector: ProviderSelector, stored: StoredCalls) -> None:
    answer = await selector.ask(claimed_run(provider="anthropic", seconds_left=2.0), name_of)
    assert answer.source == {"provider": "embedded", "fallback": "no_time"}
    assert stored.calls == []


async def test_ask_while_postgresql_is_unavailable_logs_the_costs(
    selector: ProviderSelector, stored: StoredCalls, caplog: pytest.LogCaptureFixture
) -> None:
    stored.is_available = False
    answer = await selector.ask(EXTERNAL, name_of)
    assert answer.provider == "anthropic"
    [record] = [one for one in caplog.records if one.name.startswith("tasks")]
    assert record.message == "model_calls.not_stored"
    assert vars(record)["calls"] == [{"model": "m", "cost": "0.5"}]


async def test_ask_without_fallback_raises_the_last_error(selector: ProviderSelector, stored: StoredCalls) -> None:
    run = replace(EXTERNAL, attempts=SETTINGS.ai_max_attempts)
    with pytest.raises(ProviderRefused, match="400"):
        await selector.ask(run, failing(ProviderRefused("400")), has_fallback=False)
    assert stored.calls == [(CALL, False)]


@pytest.mark.parametrize(
    ("costs", "found"),
    [
        ([], {}),
        ([Decimal("0.25"), Decimal("0.5")], {"cost": {"tokens": 20, "dollars": 0.75}}),
        ([Decimal("0.25"), None], {"cost": {"tokens": 20}}),
    ],
    ids=["none", "known", "unknown"],
)
def test_cost_of_an_answer_is_the_sum_of_its_calls(costs: list[Decimal | None], found: dict[str, Any]) -> None:
    calls = tuple(replace(CALL, usage=TokenUsage(input=8, output=2), cost=cost) for cost in costs)
    assert ProviderAnswer(value="", provider="anthropic", calls=calls).cost == found
