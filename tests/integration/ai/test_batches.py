"""The batch interfaces of the providers: the official SDKs against a server that implements them."""

import json
from typing import Any
from uuid import UUID

import pytest

from hummdesk.ai.external.batch_client import BatchAnswer
from hummdesk.ai.external.draft_batches import DraftBatches
from hummdesk.ai.external.model import ExternalModel
from hummdesk.ai.external.prompts import load_prompt
from hummdesk.ai.protocol import Article, Knowledge, Profile, ProviderError, ProviderRefused, Quote
from hummdesk.core.config import Settings
from tests.integration.ai.fake_api import DRAFT, FakeApi, message, quoting
from tests.integration.ai.recorded_model import CONTEXT, MESSAGE

FIRST, SECOND = UUID(int=1), UUID(int=2)
KNOWLEDGE = Knowledge(
    articles=(Article(id="a1", title="Refunds", body="A refund takes five working days. See https://shop.example/r."),)
)


@pytest.fixture
async def model(api: FakeApi) -> Any:
    made = ExternalModel(api.protocol, Settings(**api.settings()))
    yield made
    await made.close()


async def collected(batches: DraftBatches, batch: str) -> dict[str, BatchAnswer]:
    return {one.id: one async for one in batches.client.answers(batch)}


async def test_batch_has_the_requests_that_would_be_sent_alone(api: FakeApi, model: ExternalModel) -> None:
    batches = model.draft_batches
    prepared = batches.prepare(MESSAGE, CONTEXT, KNOWLEDGE)
    await batches.submit({FIRST: prepared}, Profile(voice="Short"))
    [(id, body)] = api.batches.last.items()
    assert id == str(FIRST)
    api.requests.append(body)
    assert api.system_text().startswith(load_prompt("draft").text)
    assert '{"voice":"Short"}' in api.system_text()
    assert api.input_data()["message"] == MESSAGE.content
    assert "stream" not in body


async def test_stored_request_restores_placeholders_and_quotes(api: FakeApi, model: ExternalModel) -> None:
    content = {"content": "Hi [NAME_1], five working days, see [LINK_1]."}
    api.batches.answer = lambda body: message(api.protocol, json.dumps(quoting(DRAFT | content, body)))
    batches = model.draft_batches
    prepared = json.loads(json.dumps(batches.prepare(MESSAGE, CONTEXT, KNOWLEDGE)))
    batch = await batches.submit({FIRST: prepared}, Profile())
    assert not await batches.client.has_ended(batch)
    api.batches.end_all()
    assert await batches.client.has_ended(batch)
    draft, call = batches.read(prepared, (await collected(batches, batch))[str(FIRST)], None)
    assert draft is not None
    assert draft.content == "Hi Hugo Marchetti, five working days, see https://shop.example/r."
    assert draft.quotes == (Quote(source="a1", text=KNOWLEDGE.articles[0].body),)
    assert (call.outcome, call.seconds) == ("ok", 0.0)


async def test_answer_that_follows_no_protocol_does_not_affect_the_others(api: FakeApi, model: ExternalModel) -> None:
    bodies: list[dict[str, Any]] = []

    def behave(body: dict[str, Any]) -> dict[str, Any]:
        bodies.append(body)
        return {"content": 3, "choices": 3} if len(bodies) == 1 else message(api.protocol, json.dumps(DRAFT))

    api.batches.answer = behave
    batches = model.draft_batches
    prepared = batches.prepare(MESSAGE, CONTEXT, KNOWLEDGE)
    batch = await batches.submit({FIRST: prepared, SECOND: prepared}, Profile())
    api.batches.end_all()
    found = await collected(batches, batch)
    assert sorted(one.code for one in found.values()) == ["ok", "unusable"]


async def test_batch_is_deleted_with_its_files(api: FakeApi, model: ExternalModel) -> None:
    batches = model.draft_batches
    batch = await batches.submit({FIRST: batches.prepare(MESSAGE, CONTEXT, KNOWLEDGE)}, Profile())
    api.batches.end_all()
    await batches.client.delete(batch)
    expected = {"anthropic": [batch], "openai": ["file-1", f"output-{batch}", f"errors-{batch}"]}
    assert api.batches.deleted == expected[api.protocol]


@pytest.mark.parametrize("status", [401, 403])
async def test_server_that_refuses_the_key_is_asked_again(api: FakeApi, model: ExternalModel, status: int) -> None:
    api.batches.failures = [status]
    assert [await model.has_batches() for _ in range(2)] == [False, True]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_server_without_batches_is_asked_once(api: FakeApi, model: ExternalModel, status: int) -> None:
    api.batches.failures = [status]
    assert [await model.has_batches() for _ in range(2)] == [False, False]


async def test_failures_are_errors_of_the_provider(api: FakeApi, model: ExternalModel) -> None:
    batches = model.draft_batches
    api.batches.failures = [503, 400, 503]
    with pytest.raises(ProviderError):
        await model.has_batches()
    with pytest.raises(ProviderRefused):
        await batches.client.has_ended("batch_1")
    with pytest.raises(ProviderError):
        await collected(batches, "batch_1")
    assert await model.has_batches()
