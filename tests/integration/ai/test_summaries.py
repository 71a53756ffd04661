"""Summaries for an agent who takes over: an extract by the embedded provider, and the answer of an external model."""

import pytest

from hummdesk.ai.protocol import Provider, ProviderRefused, Turn
from tests.integration.ai.fake_api import FakeApi, answer
from tests.integration.ai.recorded_model import RecordedModel

CONVERSATION = (
    Turn(sender="customer", content="Hello! My jacket's zip broke after two years. Do you repair it?"),
    Turn(sender="agent", content="Hi Hugo. Please send it to our workshop in Leeds, the repair is free. Bye"),
    Turn(sender="customer", content="Thanks. Who pays for the parcel to the workshop? Write to hugo@private.example!"),
)


async def test_extract_has_questions_last_answer_and_state(embedded: Provider) -> None:
    asked, answered, waiting = (await embedded.summarize(CONVERSATION)).splitlines()
    assert "Do you repair it?" in asked
    assert "Who pays for the parcel to the workshop?" in asked
    assert "Hello!" not in asked
    assert "the repair is free" in answered
    assert waiting == "The customer waits for an answer."
    assert len((await embedded.summarize(CONVERSATION[:2])).splitlines()) == 2


async def test_extract_has_a_repeated_question_once_and_what_it_is_about(embedded: Provider) -> None:
    asked = "The zip of my jacket is broken. How do I send it to you for repair?"
    turns = [
        Turn(sender="customer", content=content) for content in ("Do you repair that?", asked, asked.upper(), asked)
    ]
    first = (await embedded.summarize(turns)).splitlines()[0]
    assert first.casefold().count("how do i send it") == 1
    assert "The zip of my jacket is broken." in first


async def test_extract_is_in_the_language_of_the_customer(embedded: Provider) -> None:
    turn = Turn(sender="customer", content="Der Reißverschluss meiner Jacke ist kaputt. Reparieren Sie die Jacke?")
    assert (await embedded.summarize([turn])).startswith("Der Kunde: ")


@pytest.mark.parametrize("content", ["", "?", "😀" * 300, "word " * 2000])
async def test_extract_of_anything_is_short_text(embedded: Provider, content: str) -> None:
    assert len(await embedded.summarize([Turn(sender="customer", content=content)])) < 1000


async def test_external_summary_is_redacted_and_restored(api: FakeApi, model: RecordedModel) -> None:
    api.respond_with(answer({"summary": "The customer wants a repair and an answer to [EMAIL_1]."}))
    found = await model.provider.summarize(CONVERSATION)
    assert found == "The customer wants a repair and an answer to hugo@private.example."
    assert "hugo@private" not in str(api.requests)
    assert [turn["from"] for turn in api.input_data()["conversation"]] == ["customer", "agent", "customer"]


@pytest.mark.parametrize("unsafe", ["See https://evil.example", "Ask [EMAIL_2].", "<b>Urgent</b>"])
async def test_unsafe_external_summary_is_refused(api: FakeApi, model: RecordedModel, unsafe: str) -> None:
    api.respond_with(answer({"summary": unsafe}))
    with pytest.raises(ProviderRefused):
        await model.provider.summarize(CONVERSATION)
