"""Costs of external models: chosen by account, recorded, counted and reported."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, NotFound
from hummdesk.dev.redis import free_port
from hummdesk.operator import ai_budgets, ai_providers
from tests.conftest import Servers
from tests.integration.ai.fake_api import CLASSIFICATION, answer
from tests.system.tasks.conftest import EVENT_SECONDS
from tests.system.tasks.external_models import (
    GOOD,
    QUESTION,
    ExternalWorkers,
    external_workers,
    outcomes,
    payloads_of,
    recorded_calls,
    results,
)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
async def workers(
    settings: Settings, servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ExternalWorkers]:
    """Workers that serve metrics, have no key for Anthropic's models, and draft with a model without a price."""
    marks, metrics = tmp_path_factory.mktemp("marks"), tmp_path_factory.mktemp("metrics")
    port = free_port(0)
    changes = {
        "metrics_port": port,
        "openai_draft_model": "my-model",
        "anthropic_api_key": "",
        "anthropic_base_url": "",
    }
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    async with external_workers(settings, servers, template, marks, variables=variables, **changes) as running:
        yield running


async def test_worker_without_api_key_falls_back_to_embedded_provider(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert (await results(pipeline, message))["classification"]["fallback"] == "not_configured"
        assert fake_api.requests == []


async def test_provider_is_shown_and_set_by_account(workers: ExternalWorkers) -> None:
    settings = replace(workers.settings, anthropic_api_key="sk-x", openai_api_key="", openai_base_url="")
    async with workers.account("anthropic") as (pipeline, _):
        account = pipeline.customer.account_id
    assert f"{account}  anthropic  " in "\n".join(await ai_providers.provider(settings, None, None))
    assert f"{account}  embedded (default)  " in (await ai_providers.provider(settings, account, "default"))[0]
    assert f"{account}  anthropic  " in (await ai_providers.provider(settings, account, "anthropic"))[0]
    with pytest.raises(CommandError, match="openai has no API key"):
        await ai_providers.provider(settings, account, "openai")
    with pytest.raises(NotFound, match="No account has this id"):
        await ai_providers.provider(settings, UUID(int=7), "embedded")


async def test_metrics_and_costs_of_external_calls(workers: ExternalWorkers) -> None:
    async with workers.account("openai") as (pipeline, fake_api):
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        message = await pipeline.ask(QUESTION)
        await payloads_of(pipeline, message, "classification", "draft")

        def get() -> str:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{workers.settings.metrics_port}/metrics", timeout=5
            ) as answer:
                return str(answer.read().decode())

        account = pipeline.customer.account_id
        of_draft = f'hummdesk_ai_tokens_total{{account="{account}",kind="output",model="my-model"}} 50.0'
        async with asyncio.timeout(EVENT_SECONDS):  # a worker counts its calls after their results
            while of_draft not in (shown := await asyncio.to_thread(get)):
                await asyncio.sleep(0.05)
    assert f'hummdesk_ai_calls_total{{account="{account}",model="gpt-6-luna",outcome="ok"}} 1.0' in shown
    assert f'hummdesk_ai_cost_dollars_total{{account="{account}",model="gpt-6-luna"}} 0.000127' in shown
    assert f'hummdesk_ai_cost_dollars_total{{account="{account}",model="my-model"}}' not in shown
    lines = await ai_providers.costs(workers.settings, days=1, as_json=True)
    found = {one["model"]: one for one in map(json.loads, lines) if one["account_id"] == str(account)}
    assert found["gpt-6-luna"] | {"median_milliseconds": 0} == {
        "account_id": str(account),
        "name": found["my-model"]["name"],
        "provider": "openai",
        "model": "gpt-6-luna",
        "calls": 1,
        "failures": 0,
        "fallbacks": 0,
        "over_budget": 0,
        "input_tokens": 1200,
        "cached_tokens": 200,
        "output_tokens": 50,
        "cost_usd": 0.000127,
        "unpriced": 0,
        "median_milliseconds": 0,
    }
    assert (found["my-model"]["cost_usd"], found["my-model"]["unpriced"]) == (None, 1), "not known is not nothing"
    table = await ai_providers.costs(workers.settings, days=1, as_json=False)
    assert table[0].split()[:2] == ["account", "model"]
    assert any("my-model" in line and "unknown" in line for line in table)


async def test_exhausted_daily_budget_lets_the_embedded_provider_answer(workers: ExternalWorkers) -> None:
    async with workers.account("openai") as (pipeline, fake_api):
        account = pipeline.customer.account_id
        used = await tokens_used(workers, account)
        await ai_budgets.budget(workers.settings, account, tokens=str(used + 1), dollars=None)
        fake_api.respond_with(answer(CLASSIFICATION))
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "openai", "the first request is below the limit"
        asked = len(fake_api.requests)
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert events["ai_classification"]["fallback"] == "budget_exhausted"
        assert len(fake_api.requests) == asked, "nothing is sent beyond the budget"
        assert (await pipeline.runs(message))["classification"]["attempts"] == 1
        assert outcomes(await recorded_calls(pipeline, message)) == [("classification", "budget_exhausted", True)]
        await ai_budgets.budget(workers.settings, account, tokens="default", dollars=None)
    lines = await ai_providers.costs(workers.settings, days=1, as_json=True)
    found = {one["model"]: one for one in map(json.loads, lines) if one["account_id"] == str(account)}
    assert found["gpt-6-luna"]["over_budget"] == 1
    assert await tokens_used(workers, account) == used + 1250


async def tokens_used(workers: ExternalWorkers, account: UUID) -> int:
    [_, line] = await ai_budgets.budget(workers.settings, account, tokens=None, dollars=None)
    return int(line.split()[1])
