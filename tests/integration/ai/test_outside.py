"""Models outside, by the official clients, against a real server that plays each provider's protocol."""

import json
from decimal import Decimal
from uuid import UUID

import pytest

from hummdesk.ai.protocol import (
    Article,
    CannedReply,
    Context,
    Correction,
    IncomingMessage,
    Knowledge,
    Turn,
)
from hummdesk.core.config import Settings
from tests.integration.ai.asking import CONTEXT, MESSAGE, SUPPORT, WorkerContext
from tests.integration.ai.fake_provider import CLASSIFICATION, DRAFT, USAGE, Played, playing, says

KNOWLEDGE = Knowledge(
    articles=(
        Article(id="a1", title="Refunds", body="A refund takes five working days. See https://shop.example/refunds."),
        Article(id="a2", title="Contact", body="Call +1 555 010 9999 or write to help@shop.example."),
    ),
    canned_replies=(CannedReply(title="Sorry", content="We are sorry to hear that."),),
)


async def test_a_classification(played: Played, desk: WorkerContext) -> None:
    played.plays(says(CLASSIFICATION | {"team": "T1"}))
    found = await desk.provider.classify(MESSAGE, CONTEXT)
    assert found.wire() == {
        "category": "billing",
        "priority": "high",
        "urgency": 6,
        "sentiment": "negative",
        "language": "en",
        "tags": ["double-charge"],
        "suggestedTeam": str(SUPPORT.id),
        "suggestedAgent": str(UUID(int=12)),
    }
    assert found.confidence == 0.9
    assert played.shown() == {
        "teams": [{"id": "T1", "name": "Billing"}],
        "corrections": [],
        "earlier": [],
        "message": MESSAGE.content,
    }


async def test_a_draft(played: Played, desk: WorkerContext) -> None:
    played.plays(says(DRAFT | {"content": "Hi [NAME_1], five working days, see [LINK_1].", "sources": ["S1", "S9"]}))
    draft = await desk.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE)
    assert draft.content == "Hi Hugo Marchetti, five working days, see https://shop.example/refunds."
    assert (draft.outcome, draft.sources, draft.tone, draft.confidence) == ("done", ("a1",), "friendly", 0.8)
    assert draft.reasoning == "Answered from “Refunds”"
    assert draft.suggested_actions == ("Compare the payment with the invoice",)
    shown = played.shown()
    assert shown["customer"] == "[NAME_1]"
    assert [source["id"] for source in shown["sources"]] == ["S1", "S2", "S3"]
    assert shown["sources"][1]["text"] == "Call [NUMBER_1] or write to [EMAIL_1]."


async def test_a_canned_reply_is_a_source_without_an_id(played: Played, desk: WorkerContext) -> None:
    played.plays(says(DRAFT | {"sources": ["S3"], "content": "We are sorry to hear that."}))
    draft = await desk.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE)
    assert (draft.sources, draft.reasoning) == ((), "Answered from “Sorry”")


@pytest.mark.parametrize("outcome", ["not_in_sources", "needs_person", "unclear"])
async def test_a_model_that_abstains_says_why_in_our_words(played: Played, desk: WorkerContext, outcome: str) -> None:
    played.plays(says(DRAFT | {"outcome": outcome, "sources": [], "content": ""}))
    draft = await desk.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE)
    assert (draft.outcome, draft.content, draft.sources) == ("abstained", None, ())
    assert draft.reasoning


async def test_what_is_asked_of_the_server(played: Played, desk: WorkerContext) -> None:
    played.plays(says(CLASSIFICATION))
    await desk.provider.classify(MESSAGE, CONTEXT)
    asked = played.asked[0]
    assert not {"tools", "temperature", "stream"} & set(asked)
    if played.protocol == "anthropic":
        assert asked["model"] == "claude-haiku-5-5"
        assert asked["system"][0]["cache_control"] == {"type": "ephemeral"}
        assert asked["output_config"]["effort"] == "low"
        schema = asked["output_config"]["format"]["schema"]
    else:
        assert asked["model"] == "gpt-6-luna"
        assert asked["messages"][0]["role"] == "system"
        assert asked["max_tokens"] == 2000
        assert "reasoning_effort" not in asked, "a server of one's own may not know it"
        schema = asked["response_format"]["json_schema"]["schema"]
        assert asked["response_format"]["json_schema"]["strict"] is True
    assert played.headers[0]["Authorization"] == "Bearer sk-secret-key"
    assert schema["properties"]["category"]["enum"] == list(CATEGORIES)
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert MESSAGE.content not in played.system(), "the prompt is the same for all, so that it can be cached"


async def test_what_was_said_and_put_right_before_goes_along(played: Played, desk: WorkerContext) -> None:
    played.plays(says(CLASSIFICATION))
    context = Context(
        history=(Turn(sender="customer", content="Hello"), Turn(sender="agent", content="Hi, write to me@x.example")),
        corrections=(Correction(content="Twice!", similarity=0.9, category="billing"),),
    )
    await desk.provider.classify(MESSAGE, context)
    assert played.shown()["earlier"] == [
        {"from": "customer", "text": "Hello"},
        {"from": "agent", "text": "Hi, write to [EMAIL_1]"},
    ]
    assert played.shown()["corrections"] == [{"text": "Twice!", "category": "billing"}]


async def test_each_request_is_noted_with_its_cost(played: Played, desk: WorkerContext) -> None:
    played.plays(says(CLASSIFICATION))
    await desk.provider.classify(MESSAGE, CONTEXT)
    (call,) = desk.calls
    model = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}[played.protocol]
    assert (call.provider, call.model, call.outcome) == (played.protocol, model, "ok")
    assert (call.usage.input, call.usage.cache_read, call.usage.output) == (
        USAGE["input"],
        USAGE["cache_read"],
        USAGE["output"],
    )
    assert call.cost == Decimal("0.000127"), "1000 × 0.10 + 200 × 0.01 + 50 × 0.50 dollars a million"
    assert call.prompt.startswith("classify@1-")
    assert 0 < call.seconds < 5


async def test_the_cost_of_a_model_without_a_price_is_not_known(played: Played) -> None:
    desk = WorkerContext(played, **{f"{played.protocol}_classify_model": "my-own-model"})
    played.plays(says(CLASSIFICATION))
    await desk.provider.classify(MESSAGE, CONTEXT)
    assert (desk.calls[0].model, desk.calls[0].cost) == ("my-own-model", None)
    await desk.outside.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Sure! Here it is:\n```json\n", "\n```\nAnything else?"),
        ('<think>It {could} be {"category": "sales"} or not</think>\n', ""),
        ("", " {"),
        ('{"thought": "hm"} ', ""),
    ],
    ids=["fenced", "thoughts", "a brace behind", "another object before"],
)
async def test_a_server_that_ignores_the_schema_is_understood(
    played: Played, desk: WorkerContext, before: str, after: str
) -> None:
    played.plays(says(before + json.dumps(CLASSIFICATION) + after))
    assert (await desk.provider.classify(MESSAGE, CONTEXT)).category == "billing"
    assert len(played.asked) == 1


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more(played: Played, desk: WorkerContext) -> None:
    played.plays(says("Billing, I think."), says(CLASSIFICATION))
    assert (await desk.provider.classify(MESSAGE, CONTEXT)).category == "billing"
    assert desk.outcomes == ["unusable", "ok"], "both are paid for"
    first, second = played.asked
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assistant, user = second["messages"][-2:]
    assert (assistant["role"], assistant["content"], user["role"]) == ("assistant", "Billing, I think.", "user")
    assert "JSON" in user["content"]


@pytest.mark.parametrize("content", ["", " \n", "x" * 100_000, "\ud800", "\x00", "🙂" * 500, "שלום", "<b>hi</b>"])
async def test_any_message_can_be_sent(played: Played, desk: WorkerContext, content: str) -> None:
    played.plays(says(CLASSIFICATION))
    await desk.provider.classify(IncomingMessage(content=content, customer_name=content[:50]), CONTEXT)
    assert len(played.shown()["message"]) < 9000


async def test_an_answer_that_nothing_can_store_is_cleaned(played: Played, desk: WorkerContext) -> None:
    played.plays(says(DRAFT | {"content": "Five\x00 working \ud800days\u202e\U000e0041."}))
    draft = await desk.provider.draft(MESSAGE, CONTEXT, KNOWLEDGE)
    assert draft.content == "Five working ?days."


async def test_a_team_that_was_not_given_is_none(played: Played, desk: WorkerContext) -> None:
    played.plays(says(CLASSIFICATION | {"team": "T2"}))
    found = await desk.provider.classify(MESSAGE, CONTEXT)
    assert (found.suggested_team, found.suggested_agent) == (None, None)


async def test_an_answer_without_usage_has_no_cost() -> None:
    async with playing("openai") as played:
        desk = WorkerContext(played)
        played.plays(says(CLASSIFICATION, usage=False))
        await desk.provider.classify(MESSAGE, CONTEXT)
        assert (desk.calls[0].usage.input, desk.calls[0].cost) == (0, None)
        await desk.outside.close()


def test_openai_itself_is_told_how_much_to_think_and_to_keep_nothing() -> None:
    from hummdesk.ai.external.client import Request
    from hummdesk.ai.external.openai import OpenAIModel

    request = Request(model="m", system="s", turns=(("user", "u"),), name="n", schema={}, max_tokens=7)
    low = OpenAIModel(Settings(openai_api_key="sk-x"))._terms(request)
    assert (low["max_completion_tokens"], low["reasoning_effort"], low["store"]) == (7, "low", False)
    unasked = OpenAIModel(Settings(openai_api_key="sk-x", ai_effort="default"))._terms(request)
    assert "reasoning_effort" not in unasked


CATEGORIES = (
    "account_access", "billing", "refund_cancellation", "order_shipping", "technical", "sales", "complaint_feedback",
    "general",
)  # fmt: skip
