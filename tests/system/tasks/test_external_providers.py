"""Accounts with external models: events, recorded calls and fallback, with a real relay and real workers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.bus.assist_requests import AssistRequest, AssistRequests, key_of
from hummdesk.bus.commands import Commands
from hummdesk.core.assist import Assist
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.operator import ai_providers
from hummdesk.storage import accounts, message_changes, run_requests
from tests.conftest import Servers
from tests.integration.ai.fake_api import (
    CLASSIFICATION,
    DRAFT,
    PROTOCOLS,
    Behaviour,
    Protocol,
    answer,
    fail,
    hang,
    stream_draft,
)
from tests.system.tasks.conftest import EVENT_SECONDS, Pipeline
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
    marks = tmp_path_factory.mktemp("marks")
    limits: dict[str, Any] = {"ai_max_attempts": 2, "ai_classify_seconds": 6.0}
    async with external_workers(settings, servers, template, marks, **limits) as running:
        yield running


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_external_model_classifies_and_drafts(workers: ExternalWorkers, protocol: Protocol) -> None:
    async with workers.account(protocol) as (pipeline, fake_api):
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        began = time.monotonic()
        message = await pipeline.ask(QUESTION)
        events = await payloads_of(pipeline, message, "classification", "draft")
        took = time.monotonic() - began
        assert events["ai_classification"]["classification"]["category"] == "billing"
        assert events["ai_classification"]["provider"] == events["ai_draft"]["provider"] == protocol
        name = pipeline.customer.name
        assert events["ai_draft"]["draft"]["content"] == f"Hi {name}, this is what we know."
        assert "ai_error" not in events
        for asked in fake_api.requests:
            assert "hugo@private" not in json.dumps(asked), "the address is not sent to the external model"
            assert name not in json.dumps(asked)
        calls = await recorded_calls(pipeline, message)
        log = pipeline.log.read_text()
        assert outcomes(calls) == [("classification", "ok", False), ("draft", "ok", False)], log
        for call in calls:
            assert call["provider"] == protocol
            assert call["prompt"].startswith(("classify@5-", "draft@5-"))
            assert (call["input_tokens"], call["cache_read_tokens"], call["output_tokens"]) == (1000, 200, 50)
            assert call["cost_usd"] > 0
            assert 0 < call["milliseconds"] <= took * 1000
        assert "fallback" not in (await results(pipeline, message))["draft"]
        assert "charged twice" not in log
        assert "sk-secret-key" not in log


async def test_external_draft_is_shown_while_it_is_generated(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        seen, draft = asyncio.Event(), GOOD | {"content": "Hi [NAME_1]. This is what we know. Bye."}
        fake_api.respond_with(answer(CLASSIFICATION), stream_draft(draft, wait_before="Bye", until=seen))
        message = await pipeline.ask(QUESTION)

        def deltas() -> list[dict[str, Any]]:
            return [event.data for event in pipeline.events if event.event == "ai_draft_delta"]

        begun = f"Hi {pipeline.customer.name}. This is what we know."
        await pipeline.until(lambda: "".join(delta["chunk"] for delta in deltas()) == begun)
        assert ("ai_draft", "") not in pipeline.names(message)
        seen.set()
        shown = (await payloads_of(pipeline, message, "draft"))["ai_draft"]
        assert shown["draft"]["content"] == f"{begun} Bye."
        assert shown["draft"]["content"].startswith("".join(delta["chunk"] for delta in deltas()))
        assert [delta["index"] for delta in deltas()] == list(range(len(deltas())))
        assert {(delta["runId"], delta["attempt"]) for delta in deltas()} == {(shown["runId"], 1)}


async def test_external_draft_below_minimum_confidence_is_not_shown(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        async with pipeline.database.account(pipeline.customer.account_id) as tx:
            await accounts.update(tx, None, ai_min_confidence=0.9)
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        message = await pipeline.ask(QUESTION)
        assert "ai_draft" not in await payloads_of(pipeline, message, "classification", "draft")
        assert "ai_draft_delta" not in {event.event for event in pipeline.events}
        draft = (await results(pipeline, message))["draft"]
        assert (draft["provider"], draft["draft"]["content"]) == ("anthropic", None)


FOR_GOOD: list[tuple[str, Behaviour, str]] = [
    ("no credit", fail(429, "insufficient_quota"), "spent"),
    ("wrong key", fail(401), "unauthorized"),
    ("refusal", answer(CLASSIFICATION, stop="refusal"), "refusal"),
    ("length", answer("{", stop="length"), "length"),
]


async def test_permanent_failure_falls_back_to_embedded_provider_at_once(workers: ExternalWorkers) -> None:
    async with workers.account("openai") as (pipeline, fake_api):
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


async def test_unsafe_draft_falls_back_to_embedded_provider(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        fake_api.respond_with(answer(CLASSIFICATION), answer(DRAFT | {"content": "Log in at https://evil.example"}))
        message = await pipeline.ask("My jacket's zip broke after two years. Do you repair it?")
        events = await payloads_of(pipeline, message, "classification", "draft")
        assert "free of charge" in events["ai_draft"]["draft"]["content"]
        assert events["ai_draft"]["provider"] == "scripted"
        assert (await results(pipeline, message))["draft"]["fallback"] == "unsafe"
        # The model's answer was fine for the protocol, and is paid for; that it was not shown stands with the run.
        assert outcomes(await recorded_calls(pipeline, message))[1] == ("draft", "ok", True)


async def test_transient_failure_is_retried_and_then_falls_back(workers: ExternalWorkers) -> None:
    async with workers.account("openai") as (pipeline, fake_api):
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
        assert outcomes(await recorded_calls(pipeline, message)) == [
            ("classification", "server_error", False),
            ("classification", "server_error", True),
        ]
        fake_api.respond_with(hang)
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert "ai_error" not in events
        assert (await results(pipeline, message))["classification"]["fallback"] == "timeout"


async def test_retry_after_of_the_server_is_respected(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        fake_api.respond_with(fail(429, **{"Retry-After": "2"}), answer(CLASSIFICATION))
        message = await pipeline.ask(QUESTION, assigned=False)
        await payloads_of(pipeline, message, "classification")
        first, second = await recorded_calls(pipeline, message)
        assert (second["created_at"] - first["created_at"]).total_seconds() > 1.8


async def test_hanging_external_model_delays_no_embedded_run(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        fake_api.respond_with(hang)
        slow = await pipeline.ask(QUESTION, assigned=False)
        async with asyncio.timeout(EVENT_SECONDS):
            while not fake_api.requests:
                await asyncio.sleep(0.05)
        await ai_providers.provider(pipeline.settings, pipeline.customer.account_id, "embedded")
        quick = await pipeline.ask(QUESTION, assigned=False)
        assert (await payloads_of(pipeline, quick, "classification"))["ai_classification"]["provider"] == "scripted"
        assert [event.event for event in pipeline.events_of(slow)] == ["ai_processing_started"]
        fake_api.released.set()


async def test_retry_after_beyond_the_deadline_falls_back_at_once(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        fake_api.respond_with(fail(429, **{"Retry-After": "3600"}))
        message = await pipeline.ask(QUESTION, assigned=False)
        events = await payloads_of(pipeline, message, "classification")
        assert events["ai_classification"]["provider"] == "scripted"
        assert outcomes(await recorded_calls(pipeline, message)) == [("classification", "rate_limited", True)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_text_is_rewritten_for_one_agent_at_a_cost_and_stored_nowhere(
    workers: ExternalWorkers, protocol: Protocol
) -> None:
    async with workers.account(protocol) as (pipeline, fake_api):
        fake_api.respond_with(answer(CLASSIFICATION), answer(GOOD))
        message = await pipeline.ask(QUESTION)
        await payloads_of(pipeline, message, "classification", "draft")
        fake_api.respond_with(answer({"text": "Hi Hugo, we wrote to [EMAIL_1]."}))
        wanted = Assist(kind="shorter", text="Hello Hugo, we have written to hugo@private.example today.")
        key = await assist(pipeline, wanted)
        events = await payloads_of(pipeline, message, "assist")
        result = events["ai_assist"]
        assert result["text"] == "Hi Hugo, we wrote to hugo@private.example."
        assert result["cost"]["tokens"] == 1250
        assert result["cost"]["dollars"] > 0
        [published] = [event for event in pipeline.events if event.event == "ai_assist"]
        assert list(published.rooms) == [f"agent:{pipeline.agent.id}"]
        assert "hugo@private" not in json.dumps(fake_api.requests)
        assert "assist" not in await results(pipeline, message)
        assert await stored_text(pipeline, key) is None
        assert outcomes(await recorded_calls(pipeline, message))[-1] == ("assist", "ok", False)
        assert "written to" not in pipeline.log.read_text()

        fake_api.respond_with(answer({"summary": "The customer was charged twice."}))
        async with pipeline.database.account(pipeline.agent.account_id) as tx:
            await run_requests.request(tx, conversation_id=pipeline.assigned, kind="summary")
        events = await payloads_of(pipeline, message, "summary")
        assert events["ai_summary"]["cost"] == result["cost"]


async def test_withdrawal_refusal_and_expiry_end_a_run_for_one_agent_without_a_result(workers: ExternalWorkers) -> None:
    async with workers.account("anthropic") as (pipeline, fake_api):
        fake_api.respond_with(fail(400))
        withdrawn = await pipeline.say(pipeline.agent, "Wrong number: 12")
        async with pipeline.database.account(pipeline.agent.account_id) as tx:
            about = {"conversation_id": pipeline.assigned, "message_id": withdrawn.id}
            await message_changes.withdraw(tx, actor=pipeline.agent, minutes=15, **about)
        await assist(pipeline, Assist(kind="translate", text="", is_message=True, language="de"))
        assert "ai_assist" not in await payloads_of(pipeline, withdrawn, "assist")
        assert fake_api.requests == []
        message = await pipeline.say(pipeline.agent, "Right number: 13")
        await assist(pipeline, Assist(kind="translate", text="", is_message=True, language="de"))
        events = await payloads_of(pipeline, message, "assist")
        assert (events["ai_error"]["processingType"], events["ai_error"]["code"]) == ("assist", "INTERNAL_ERROR")
        assert "ai_assist" not in events
        assert len(fake_api.requests) == 1
        message = await pipeline.say(pipeline.agent, "Too late: 14")
        await assist(pipeline, None)
        assert (await payloads_of(pipeline, message, "assist"))["ai_error"]["code"] == "CONFLICT"
        assert len(fake_api.requests) == 1


async def assist(pipeline: Pipeline, wanted: Assist | None) -> str:
    """Request help for the agent about the newest message; return the key of what is wanted. None: it has expired."""
    run_id, account_id = new_id(), pipeline.agent.account_id
    if wanted is not None:
        requests = AssistRequests(Commands.of(pipeline.settings.redis))
        request = AssistRequest(requested_by=pipeline.agent.id, wanted=wanted)
        await requests.save(account_id, run_id, request, seconds=90)
        await requests.close()
    async with pipeline.database.account(account_id) as tx:
        assert await run_requests.assist(tx, conversation_id=pipeline.assigned, message_id=None, run_id=run_id)
    return key_of(account_id, run_id)


async def stored_text(pipeline: Pipeline, key: str) -> Any:
    commands = Commands.of(pipeline.settings.redis)
    found = await commands.run("GET", key)
    await commands.close()
    return found
