"""Classification by the embedded provider: accuracy, calibration, suggestions."""

from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.ai.protocol import Classification, Context, Correction, IncomingMessage, Provider, Team
from tests.integration.ai.conftest import CONTEXT
from training.evaluation import quality, yardstick


async def classify(embedded: Provider, text: str, context: Context = CONTEXT) -> Classification:
    return await embedded.classify(IncomingMessage(content=text), context)


def test_held_back_categories_reach_minimum_accuracy() -> None:
    found = quality.held_back_categories()
    assert found.accuracy >= 0.93
    assert found.accuracy_in("en") >= 0.96
    assert min(found.accuracy_in(language) for language in ("de", "fr", "es", "zh")) >= 0.85
    assert found.precision_at_coverage >= 0.96


def test_confidence_is_calibrated() -> None:
    assert quality.held_back_categories().calibration_error <= 0.05


def test_held_back_priorities_and_sentiments_reach_minimum() -> None:
    priorities = quality.held_back_priorities()
    assert priorities.within_one >= 0.97
    assert priorities.urgent_recall >= 0.85
    assert quality.held_back_sentiment() >= 0.8


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("Just wondering whether you plan a newsletter", "low"),
        ("Great service, thank you!", "low"),
        ("How long does delivery take?", "low"),
        ("Where is my order?", "medium"),
        ("My parcel is late and nobody answers", "high"),
        ("URGENT: my account was hacked and somebody orders with my card", "urgent"),
        ("Production is down since an hour, all our customers are affected", "urgent"),
        ("I was charged twice, but no rush", "low"),
        ("Meine Karte wurde zweimal belastet, bitte dringend klären", "high"),
        ("URGENT!!! Which colours does the mug come in? ASAP", "low"),
        ("My son can't breathe after eating your bar", "urgent"),
    ],
)
async def test_priority_of_message(embedded: Provider, text: str, priority: str) -> None:
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
async def test_sentiment_of_message(embedded: Provider, text: str, sentiment: str) -> None:
    assert (await classify(embedded, text)).sentiment == sentiment


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("Wo ist meine Bestellung geblieben?", "de"),
        ("How do I reset my password?", "en"),
        ("Où est ma commande ?", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("Come cambio la password?", "it"),
        ("Levererar ni till Norge?", "sv"),
        ("我的订单在哪里？", "zh"),
        ("営業時間は？", "ja"),
        ("أين طلبي؟ لم يصل بعد", "ar"),
        ("12345 !!!", "und"),
        ("😀😀", "und"),
    ],
)
async def test_language_of_message(embedded: Provider, text: str, language: str) -> None:
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
async def test_tags_of_message(embedded: Provider, text: str, tag: str) -> None:
    found = await classify(embedded, text)
    assert tag in found.tags
    assert len(found.tags) <= 5


async def test_team_is_suggested_by_name_with_an_online_agent(embedded: Provider) -> None:
    billing = await classify(embedded, "I was charged twice for my invoice")
    assert (billing.suggested_team, billing.suggested_agent) == (UUID(int=1), UUID(int=12))
    other = await classify(embedded, "Hello, I have a question")
    assert (other.suggested_team, other.suggested_agent) == (UUID(int=2), None)
    alone = await classify(embedded, "I was charged twice for my invoice", Context())
    assert (alone.suggested_team, alone.suggested_agent) == (None, None)
    assert "suggestedTeam" not in alone.wire()
    assert billing.wire()["suggestedTeam"] == str(UUID(int=1))


@pytest.mark.parametrize(
    ("text", "skills", "online", "suggested"),
    [
        ("I was charged twice for my invoice", {12: ["sales"], 13: ["billing"]}, [12, 13], 13),
        ("I was charged twice for my invoice", {13: ["billing"]}, [11, 12], 11),
        ("Mir wurde die Rechnung zweimal abgebucht", {11: ["billing"], 12: ["billing", "de"]}, [11, 12], 12),
        ("Mir wurde die Rechnung zweimal abgebucht", {11: ["billing"], 12: ["de"]}, [11, 12], 11),
        ("I was charged twice for my invoice", {99: ["billing"]}, [99], None),
    ],
)
async def test_most_skilled_online_agent_of_team_is_suggested(
    embedded: Provider, text: str, skills: dict[int, list[str]], online: list[int], suggested: int | None
) -> None:
    team = Team(id=UUID(int=1), name="Billing", agent_ids=(UUID(int=11), UUID(int=12), UUID(int=13)))
    context = Context(
        teams=(team,),
        online=frozenset(UUID(int=number) for number in online),
        skills={UUID(int=number): frozenset(some) for number, some in skills.items()},
    )
    found = await classify(embedded, text, context)
    assert found.suggested_team == team.id
    assert found.suggested_agent == (None if suggested is None else UUID(int=suggested))
    teamless = await classify(embedded, text, replace(context, teams=()))
    able: list[UUID | None] = [
        UUID(int=number) for number, some in skills.items() if "billing" in some and number in online
    ]
    assert teamless.suggested_agent in (able or [None])


async def test_correction_of_priority_alone_does_not_raise_confidence(embedded: Provider) -> None:
    text = "The lamp came, the shade did not, and the man on the phone was odd about it"
    plain = await classify(embedded, text)
    correction = Correction(content=text, similarity=1.0, priority="urgent")
    found = await classify(embedded, text, Context(corrections=(correction,)))
    assert (found.priority, found.category, found.confidence) == ("urgent", plain.category, plain.confidence)


def test_letters_of_other_trades_reach_minimum() -> None:
    read = yardstick.classify(yardstick.load_letters("development"))
    assert read.category.value >= 0.67
    assert read.worst_trade[1].value >= 0.54
    assert read.right_if_confident.value >= 0.88
    assert read.negative_recall.value >= 0.77
    assert read.pressing_recall.value >= 0.84
    assert read.pressing_precision.value >= 0.68
    assert read.language.value >= 0.98


def test_language_of_short_messages_reaches_minimum() -> None:
    assert quality.languages(quality.short_messages("development")) >= 0.98
    assert quality.languages(quality.short_messages("final")) >= 0.95


async def test_classification_is_deterministic(embedded: Provider) -> None:
    text = "My parcel is late, and the invoice is wrong. I can't log in either!"
    assert await classify(embedded, text) == await classify(embedded, text)


async def test_correction_of_similar_message_is_applied(embedded: Provider) -> None:
    text = "Where is my order?"
    near = Correction(content="Where's my order?", similarity=0.95, category="complaint_feedback", priority="urgent")
    far = Correction(content="Is my order red?", similarity=0.6, category="sales", priority="low")
    found = await classify(embedded, text, Context(corrections=(near, far)))
    assert (found.category, found.priority, found.urgency) == ("complaint_feedback", "urgent", 8)
    assert found.confidence >= 0.95
    assert (await classify(embedded, text, Context(corrections=(far,)))).category == "order_shipping"
