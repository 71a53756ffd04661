"""What the embedded provider makes of a message: right often enough, sure only when it may be, the same each time."""

from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.ai.protocol import Classification, Context, Correction, IncomingMessage, Provider, Team
from tests.integration.ai import measures
from tests.integration.ai.conftest import CONTEXT
from tests.integration.ai.measures import HELD_BACK
from training.fitting import examples


async def classify(embedded: Provider, text: str, context: Context = CONTEXT) -> Classification:
    return await embedded.classify(IncomingMessage(content=text), context)


def test_held_back_examples_are_put_where_they_belong() -> None:
    found = measures.held_back_categories()
    assert found.accuracy >= 0.93
    assert found.accuracy_in("en") >= 0.96
    assert min(found.accuracy_in(language) for language in ("de", "fr", "es", "zh")) >= 0.85
    assert found.precision_of_the_surest >= 0.96


def test_confidence_is_the_share_that_is_right() -> None:
    assert measures.held_back_categories().calibration_error <= 0.05


def test_held_back_priorities_and_feelings() -> None:
    priorities = measures.priorities()
    assert priorities.within_one >= 0.97
    assert priorities.urgent_recall >= 0.85
    feelings = [(one.text, one.label) for one in examples("sentiment", HELD_BACK)]
    assert measures.sentiment(feelings) >= 0.8


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


@pytest.mark.parametrize(
    ("text", "skills", "there", "suggested"),
    [
        ("I was charged twice for my invoice", {12: ["sales"], 13: ["billing"]}, [12, 13], 13),
        ("I was charged twice for my invoice", {13: ["billing"]}, [11, 12], 11),
        ("Mir wurde die Rechnung zweimal abgebucht", {11: ["billing"], 12: ["billing", "de"]}, [11, 12], 12),
        ("Mir wurde die Rechnung zweimal abgebucht", {11: ["billing"], 12: ["de"]}, [11, 12], 11),
        ("I was charged twice for my invoice", {99: ["billing"]}, [99], None),
    ],
)
async def test_of_a_team_the_most_skilled_who_is_there_is_suggested(
    embedded: Provider, text: str, skills: dict[int, list[str]], there: list[int], suggested: int | None
) -> None:
    team = Team(id=UUID(int=1), name="Billing", agent_ids=(UUID(int=11), UUID(int=12), UUID(int=13)))
    context = Context(
        teams=(team,),
        online=frozenset(UUID(int=number) for number in there),
        skills={UUID(int=number): frozenset(some) for number, some in skills.items()},
    )
    found = await classify(embedded, text, context)
    assert found.suggested_team == team.id
    assert found.suggested_agent == (None if suggested is None else UUID(int=suggested))
    teamless = await classify(embedded, text, replace(context, teams=()))
    able = [UUID(int=number) for number, some in skills.items() if "billing" in some and number in there]
    assert teamless.suggested_agent in (able or [None])


async def test_the_answer_is_the_same_each_time(embedded: Provider) -> None:
    text = "My parcel is late, and the invoice is wrong. I can't log in either!"
    assert await classify(embedded, text) == await classify(embedded, text)


async def test_an_agents_correction_holds_for_what_means_the_same(embedded: Provider) -> None:
    text = "Where is my order?"
    near = Correction(content="Where's my order?", similarity=0.95, category="complaint_feedback", priority="urgent")
    far = Correction(content="Is my order red?", similarity=0.6, category="sales", priority="low")
    found = await classify(embedded, text, Context(corrections=(near, far)))
    assert (found.category, found.priority, found.urgency) == ("complaint_feedback", "urgent", 8)
    assert found.confidence >= 0.95
    assert (await classify(embedded, text, Context(corrections=(far,)))).category == "order_shipping"
