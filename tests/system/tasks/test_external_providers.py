"""Accounts with external models: events, recorded costs and fallback, with a real relay and real workers."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import CommandError
from hummdesk.core.models import Message
from hummdesk.operator import ai_providers
from tests.integration.ai.fake_api import (
    CLASSIFICATION,
    DRAFT,
    PROTOCOLS,
    Behaviour,
    FakeApi,
    Protocol,
    answer,
    fail,
    hang,
    serve_fake_api,
)
from tests.system.tasks.conftest import Pipeline

pytestmark = pytest.mark.timeout(120)

QUESTION = "I was charged twice, write to hugo@private.example!"
GOOD = DRAFT | {"content": "Hi [NAME_1], we write to [EMAIL_1]."}


@asynccontextmanager
async def working(pipeline: Pipeline, protocol: Protocol, **changes: Any) -> AsyncIterator[FakeApi]:
    """Relay and workers, with the account set to a fake API of this protocol."""
    async with AsyncExitStack() as held:
        fake_api = await held.enter_async_context(serve_fake_api(protocol))
        external = {name: value for name, value in fake_api.settings().items() if name != "ai_provider"}
        relaxed = {"ai_soft_limit_seconds": 12.0, "ai_hard_limit_seconds": 16.0, "ai_deadline_seconds": 90.0}
        pipeline.settings = replace(pipeline.settings, **(external | relaxed))
        await ai_providers.provider(pipeline.settings, pipeline.customer.account_id, protocol)
        pipeline.settings = replace(pipeline.settings, **changes)
        await held.enter_async_context(pipeline.relay())
        await held.enter_async_context(pipeline.worker())
        yield fake_api


async def payloads_of(pipeline: Pipeline, message: Message, *kinds: str) -> dict[str, dict[str, Any]]:
    """The payloads by event until these runs have ended; workers with both clients take seconds to start."""
    return {event.event: event.data for event in await pipeline.ended(message, *kinds, seconds=60)}


async def recorded_calls(pipeline: Pipeline, message: Message) -> list[dict[str, Any]]:
    """The recorded model calls for a message, in order."""
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT ai_runs.kind, ai_calls.* FROM ai_calls JOIN ai_runs ON ai_runs.id = ai_calls.run_id
            WHERE ai_runs.message_id = %s ORDER BY ai_calls.created_at, ai_calls.id""",
            (message.id,),
        )
        return [row async for row in found]


async def results(pipeline: Pipeline, message: Message) -> dict[str, Any]:
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT ai_runs.kind, payload FROM ai_results JOIN ai_runs ON ai_runs.id = ai_results.run_id
            WHERE ai_runs.message_id = %s""",
            (message.id,),
        )
        return {row["kind"]: row["payload"] async for row in found}


def outcomes(calls: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(call["kind"], call["outcome"], call["fallback"]) for call in calls]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_external_model_classifies_and_drafts(pipeline: Pipeline, protocol: Protocol) -> None:
    async with working(pipeline, protocol) as fake_api:
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        message = await pipeline.ask(QUESTION)
        events = await payloads_of(pipeline, message, "classification", "draft")
        assert events["ai_classification"]["classification"]["category"] == "billing"
        assert events["ai_classification"]["provider"] == events["ai_draft"]["provider"] == protocol
        name = pipeline.customer.name
        assert events["ai_draft"]["draft"]["content"] == f"Hi {name}, we write to hugo@private.example."
        assert "ai_error" not in events
        for asked in fake_api.requests:
            assert "hugo@private" not in json.dumps(asked), "the address is not sent to the external model"
            assert name not in json.dumps(asked)
    calls = await recorded_calls(pipeline, message)
    assert outcomes(calls) == [("classification", "ok", False), ("draft", "ok", False)]
    for call in calls:
        assert call["provider"] == protocol
        assert call["prompt"].startswith(("classify@1-", "draft@2-"))
        assert (call["input_tokens"], call["cache_read_tokens"], call["output_tokens"]) == (1000, 200, 50)
        assert call["cost_usd"] > 0
        assert 0 < call["milliseconds"] < 4000
    assert "fallback" not in (await results(pipeline, message))["draft"]
    assert "charged twice" not in pipeline.log.read_text()
    assert "sk-secret-key" not in pipeline.log.read_text()


FOR_GOOD: list[tuple[str, Behaviour, str]] = [
    ("no credit", fail(429, "insufficient_quota"), "spent"),
    ("wrong key", fail(401), "unauthorized"),
    ("refusal", answer(CLASSIFICATION, stop="refusal"), "refusal"),
    ("length", answer("{", stop="length"), "length"),
]


async def test_permanent_failure_falls_back_to_embedded_provider_at_once(pipeline: Pipeline) -> None:
    async with working(pipeline, "openai", ai_max_attempts=4) as fake_api:
        for _, behaviour, code in FOR_GOOD:
            fake_api.respond_with(behaviour)
            message = await pipeline.ask("Where is my parcel?", assigned=False)
            events = await payloads_of(pipeline, message, "classification")
            assert events["ai_classification"]["provider"] == "scripted", (
                "the event names the provider that has answered"
            )
            assert events["ai_classification"]["classification"]["category"] == "order_shipping"
            assert "ai_error" not in events
            assert outcomes(await recorded_calls(pipeline, message)) == [("classification", code, True)]
            assert (await results(pipeline, message))["classification"]["fallback"] == code
            assert (await pipeline.runs(message))["classification"]["attempts"] == 1


async def test_unsafe_draft_falls_back_to_embedded_provider(pipeline: Pipeline) -> None:
    async with working(pipeline, "anthropic") as fake_api:
        fake_api.respond_with(answer(CLASSIFICATION), answer(DRAFT | {"content": "Log in at https://evil.example"}))
        message = await pipeline.ask("My jacket's zip broke after two years. Do you repair it?")
        events = await payloads_of(pipeline, message, "classification", "draft")
        assert "free of charge" in events["ai_draft"]["draft"]["content"]
        assert events["ai_draft"]["provider"] == "scripted"
        assert (await results(pipeline, message))["draft"]["fallback"] == "unsafe"
        # The model's answer was fine for the protocol, and is paid for; that it was not shown stands with the run.
        assert outcomes(await recorded_calls(pipeline, message))[1] == ("draft", "ok", True)


async def test_transient_failure_is_retried_and_then_falls_back(pipeline: Pipeline) -> None:
    async with working(pipeline, "openai", ai_max_attempts=3, ai_classify_seconds=3.0) as fake_api:
        fake_api.respond_with(fail(500), answer(CLASSIFICATION))
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "openai"
        assert outcomes(await recorded_calls(pipeline, message)) == [
            ("classification", "server_error", False),
            ("classification", "ok", False),
        ]
        fake_api.respond_with(fail(503))
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert outcomes(await recorded_calls(pipeline, message)) == [("classification", "server_error", False)] * 2 + [
            ("classification", "server_error", True)
        ]
        fake_api.respond_with(hang)
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert "ai_error" not in events
        assert (await results(pipeline, message))["classification"]["fallback"] == "timeout"


async def test_retry_after_of_the_server_is_respected(pipeline: Pipeline) -> None:
    async with working(pipeline, "anthropic") as fake_api:
        fake_api.respond_with(fail(429, **{"Retry-After": "2"}), answer(CLASSIFICATION))
        message = await pipeline.ask(QUESTION, assigned=False)
        await payloads_of(pipeline, message, "classification")
        first, second = await recorded_calls(pipeline, message)
        assert (second["created_at"] - first["created_at"]).total_seconds() > 1.8


async def test_hanging_external_model_delays_no_embedded_run(pipeline: Pipeline) -> None:
    async with working(pipeline, "anthropic", worker_concurrency=1) as fake_api:
        fake_api.respond_with(hang)
        slow = await pipeline.ask(QUESTION, assigned=False)
        async with asyncio.timeout(60):
            while not fake_api.requests:
                await asyncio.sleep(0.05)
        await ai_providers.provider(pipeline.settings, pipeline.customer.account_id, "embedded")
        quick = await pipeline.ask(QUESTION, assigned=False)
        assert (await payloads_of(pipeline, quick, "classification"))["ai_classification"]["provider"] == "scripted"
        assert [event.event for event in pipeline.events_of(slow)] == ["ai_processing_started"]
        fake_api.released.set()


async def test_retry_after_beyond_the_deadline_falls_back_at_once(pipeline: Pipeline) -> None:
    async with working(pipeline, "anthropic", ai_max_attempts=9) as fake_api:
        fake_api.respond_with(fail(429, **{"Retry-After": "3600"}))
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert outcomes(await recorded_calls(pipeline, message)) == [("classification", "rate_limited", True)]


async def test_worker_without_api_key_falls_back_to_embedded_provider(pipeline: Pipeline) -> None:
    async with working(pipeline, "openai", openai_base_url="", openai_api_key="") as fake_api:
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert (await results(pipeline, message))["classification"]["fallback"] == "not_configured"
        assert fake_api.requests == []


async def test_provider_is_shown_and_set_by_account(pipeline: Pipeline) -> None:
    account = pipeline.customer.account_id
    settings = replace(pipeline.settings, anthropic_api_key="sk-x")
    assert "embedded (default)" in (await ai_providers.provider(settings, None, None))[0]
    assert f"{account}  anthropic  " in (await ai_providers.provider(settings, account, "anthropic"))[0]
    assert "embedded (default)" in (await ai_providers.provider(settings, account, "default"))[0]
    with pytest.raises(CommandError, match="openai has no API key"):
        await ai_providers.provider(settings, account, "openai")
    with pytest.raises(CommandError, match="no account has the id"):
        await ai_providers.provider(settings, UUID(int=7), "embedded")


async def test_metrics_and_costs_of_external_calls(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "metrics").mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with working(pipeline, "openai", metrics_port=port, openai_draft_model="my-model") as fake_api:
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        message = await pipeline.ask(QUESTION)
        await payloads_of(pipeline, message, "classification", "draft")

        def get() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())

        shown = await asyncio.to_thread(get)
    account = pipeline.customer.account_id
    assert f'hummdesk_ai_calls_total{{account="{account}",model="gpt-6-luna",outcome="ok"}} 1.0' in shown
    assert f'hummdesk_ai_tokens_total{{account="{account}",kind="output",model="my-model"}} 50.0' in shown
    assert f'hummdesk_ai_cost_dollars_total{{account="{account}",model="gpt-6-luna"}} 0.000127' in shown
    assert f'hummdesk_ai_cost_dollars_total{{account="{account}",model="my-model"}}' not in shown
    lines = await ai_providers.costs(pipeline.settings, days=1, as_json=True)
    found = {one["model"]: one for one in map(json.loads, lines)}
    assert found["gpt-6-luna"] | {"median_milliseconds": 0} == {
        "account_id": str(account),
        "name": found["my-model"]["name"],
        "provider": "openai",
        "model": "gpt-6-luna",
        "calls": 1,
        "failures": 0,
        "fallbacks": 0,
        "input_tokens": 1200,
        "output_tokens": 50,
        "cost_usd": 0.000127,
        "unpriced": 0,
        "median_milliseconds": 0,
    }
    assert (found["my-model"]["cost_usd"], found["my-model"]["unpriced"]) == (None, 1), "not known is not nothing"
    table = await ai_providers.costs(pipeline.settings, days=1, as_json=False)
    assert table[0].split()[:2] == ["account", "model"]
    assert any("my-model" in line and "unknown" in line for line in table)
