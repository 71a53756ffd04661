"""What the embedded provider makes of a message: right often enough, sure only when it may be, the same each time."""

from uuid import UUID

import pytest

from hummdesk.ai.protocol import Classification, Context, IncomingMessage, Provider
from tests.ai.conftest import CONTEXT, written


async def classify(embedded: Provider, text: str, context: Context = CONTEXT) -> Classification:
    return await embedded.classify(IncomingMessage(content=text), context)


async def test_our_examples_are_put_where_they_belong(embedded: Provider) -> None:
    found = [
        (category, await classify(embedded, text)) for category, texts in written("examples").items() for text in texts
    ]
    right = [result.category == category for category, result in found]
    print(f"\ncategory: {sum(right)} of {len(right)} right")
    assert sum(right) / len(right) >= 0.95


async def test_confidence_means_something(embedded: Provider) -> None:
    """Of the messages that it is surer of, more are right."""
    found = [
        (category, await classify(embedded, text)) for category, texts in written("examples").items() for text in texts
    ]
    sure = [result.category == category for category, result in found if result.confidence >= 0.8]
    unsure = [result.category == category for category, result in found if result.confidence < 0.8]
    assert len(sure) > len(unsure) > 10
    assert sum(sure) / len(sure) >= 0.98 > sum(unsure) / len(unsure)


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("Just wondering whether you plan a newsletter", "low"),
        ("Great service, thank you!", "low"),
        ("How long does delivery take?", "medium"),
        ("My parcel is late and nobody answers", "high"),
        ("URGENT: my account was hacked and somebody orders with my card", "urgent"),
        ("Production is down since an hour, all our customers are affected", "urgent"),
        ("I was charged twice, but no rush", "low"),
        ("Meine Karte wurde zweimal belastet, bitte dringend klären", "urgent"),
    ],
)
async def test_priority_follows_urgency(embedded: Provider, text: str, priority: str) -> None:
    found = await classify(embedded, text)
    assert found.priority == priority
    assert 0 <= found.urgency <= 10


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("Your team was fantastic, I love it", "positive"),
        ("This is the worst service ever, I am so angry", "negative"),
        ("Where can I find my invoice?", "neutral"),
        ("Could you please help me with my order?", "neutral"),
        ("Ich bin enttäuscht und wütend", "negative"),
        ("Die App startet nicht", "neutral"),
        ("Merci beaucoup, c'est parfait", "positive"),
        ("Estoy decepcionado con el servicio", "negative"),
    ],
)
async def test_sentiment(embedded: Provider, text: str, sentiment: str) -> None:
    assert (await classify(embedded, text)).sentiment == sentiment


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("Wo ist meine Bestellung geblieben?", "de"),
        ("Où est ma commande ?", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("我的订单在哪里？", "zh"),
        ("أين طلبي؟ لم يصل بعد", "ar"),
        ("12345 !!!", "und"),
        ("😀😀", "und"),
    ],
)
async def test_language(embedded: Provider, text: str, language: str) -> None:
    assert (await classify(embedded, text)).language == language


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("I forgot my password", "password"),
        ("You charged me two times", "double-charge"),
        ("I want a refund", "refund"),
        ("the iPhone app has a bug", "mobile"),
    ],
)
async def test_tags(embedded: Provider, text: str, tag: str) -> None:
    found = await classify(embedded, text)
    assert tag in found.tags
    assert len(found.tags) <= 5


async def test_a_team_is_suggested_by_its_name_and_an_agent_who_is_there(embedded: Provider) -> None:
    billing = await classify(embedded, "I was charged twice for my invoice")
    assert (billing.suggested_team, billing.suggested_agent) == (UUID(int=1), UUID(int=12))
    other = await classify(embedded, "Hello, I have a question")
    assert (other.suggested_team, other.suggested_agent) == (UUID(int=2), None)
    alone = await classify(embedded, "I was charged twice for my invoice", Context())
    assert (alone.suggested_team, alone.suggested_agent) == (None, None)
    assert "suggestedTeam" not in alone.wire()
    assert billing.wire()["suggestedTeam"] == str(UUID(int=1))


async def test_the_answer_is_the_same_each_time(embedded: Provider) -> None:
    text = "My parcel is late, and the invoice is wrong. I can't log in either!"
    assert await classify(embedded, text) == await classify(embedded, text)
