"""Drafts of external models while they are generated: both APIs' streams, played by a local server."""

import asyncio
import json

import pytest

from hummdesk.ai.protocol import Article, Knowledge, ProviderError, ProviderRefused
from tests.integration.ai.fake_api import DRAFT, USAGE, FakeApi, answer, fail, stream, stream_draft
from tests.integration.ai.recorded_model import CONTEXT, MESSAGE, RecordedModel

KNOWLEDGE = Knowledge(articles=(Article(id="a1", title="Refunds", body="A refund takes five working days."),))
QUOTED = [{"id": "S1", "quote": "A refund takes five working days."}]
CONTENT = "Hi [NAME_1]. It takes five working days. Bye."
WHOLE = "Hi Hugo Marchetti. It takes five working days. Bye."


class Screen:
    """What an agent sees."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.changed = asyncio.Event()

    def show(self, text: str) -> None:
        self.texts.append(text)
        self.changed.set()


async def test_sentences_are_shown_while_the_answer_is_generated(api: FakeApi, model: RecordedModel) -> None:
    shown = asyncio.Event()
    api.respond_with(stream_draft(DRAFT | {"content": CONTENT}, wait_before="It takes", until=shown))
    screen = Screen()
    drafting = asyncio.create_task(model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show))
    await screen.changed.wait()
    assert screen.texts == ["Hi Hugo Marchetti."]
    assert not drafting.done()
    shown.set()
    draft = await drafting
    assert draft.content == screen.texts[-1] == WHOLE
    [call] = model.calls
    assert (call.outcome, call.usage.input, call.usage.cache_read, call.usage.output) == (
        "ok",
        USAGE["input"],
        USAGE["cache_read"],
        USAGE["output"],
    )


async def test_streamed_and_whole_answers_give_the_same_draft(api: FakeApi, model: RecordedModel) -> None:
    api.respond_with(answer(DRAFT | {"content": CONTENT}))
    whole = await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE)
    assert "stream" not in api.requests[-1]
    api.respond_with(stream(*json.dumps(DRAFT | {"content": CONTENT, "sources": QUOTED})))
    screen = Screen()
    assert await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show) == whole
    assert api.requests[-1]["stream"]
    assert screen.texts == ["Hi Hugo Marchetti.", "Hi Hugo Marchetti. It takes five working days.", WHOLE]


@pytest.mark.parametrize("unsafe", ["Log in at https://evil.example.", "Call +1 555 010 9999.", "<b>Now</b>."])
async def test_unsafe_sentence_is_never_shown(api: FakeApi, model: RecordedModel, unsafe: str) -> None:
    api.respond_with(stream(*json.dumps(DRAFT | {"content": f"Hi [NAME_1]. {unsafe} Bye.", "sources": QUOTED})))
    screen = Screen()
    with pytest.raises(ProviderRefused):
        await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show)
    assert screen.texts == ["Hi Hugo Marchetti."]


@pytest.mark.parametrize(
    "unsupported",
    ["You get 50 dollars.", "It arrives on 3 May.", "We have cancelled your order.", "It takes five days."],
)
async def test_sentence_that_no_source_supports_is_never_shown(
    api: FakeApi, model: RecordedModel, unsupported: str
) -> None:
    content = f"Hi [NAME_1]. {unsupported} It takes five working days."
    api.respond_with(stream(*json.dumps(DRAFT | {"content": content, "sources": QUOTED})))
    screen = Screen()
    draft = await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show)
    assert screen.texts == ["Hi Hugo Marchetti."]
    assert (draft.outcome, draft.content, draft.citations) == ("abstained", None, ())


async def test_answer_without_known_sources_or_that_abstains_shows_nothing(api: FakeApi, model: RecordedModel) -> None:
    screen = Screen()
    api.respond_with(answer(DRAFT | {"content": CONTENT, "sources": ["S9"]}), answer(DRAFT | {"outcome": "unclear"}))
    with pytest.raises(ProviderRefused):
        await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show)
    assert (await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=screen.show)).content is None
    assert screen.texts == []


async def test_failures_of_a_stream_are_transient(api: FakeApi, model: RecordedModel) -> None:
    text = json.dumps(DRAFT | {"content": CONTENT, "sources": QUOTED})
    for behaviour in (stream(text, ends=False), fail(503)):
        api.respond_with(behaviour)
        with pytest.raises(ProviderError) as raised:
            await model.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE, show=Screen().show)
        assert not isinstance(raised.value, ProviderRefused)
    broken, refused = model.calls
    assert broken.usage.input > 100
    assert broken.usage.output == -(-len(text) // 4), "what was received before the stream broke is charged"
    assert broken.cost
    assert (refused.usage.total, refused.cost) == (0, None)
