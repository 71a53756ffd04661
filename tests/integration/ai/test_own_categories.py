"""Classification by categories and tags that an account has named itself, with its corrections."""

from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.ai.embedded import own_categories as fitted
from hummdesk.ai.embedded import own_tags
from hummdesk.ai.protocol import Context, Correction, IncomingMessage, Provider, Team, Turn
from hummdesk.core.categories import OwnCategory, OwnTag
from tests.integration.ai.conftest import CONTEXT
from training.evaluation import own_categories

TRADES = own_categories.load_taxonomies("development")
HOUSING = Context(categories=TRADES["housing"].categories, teams=CONTEXT.teams)


def test_letters_get_categories_learned_from_five_examples() -> None:
    found = own_categories.classify("development")
    assert found.accuracy.value >= 0.85
    assert found.worst_trade[1].value >= 0.8
    assert found.right_if_confident.value >= 0.9
    assert found.unknown_though_known.value <= 0.05
    assert found.unknown_recall.value >= 0.4


def test_letters_get_tags_learned_from_a_few_examples() -> None:
    found = own_categories.tag("development")
    assert found.precision.value >= 0.7
    assert found.recall.value >= 0.6


async def test_own_tags_replace_the_built_in_ones(embedded: Provider) -> None:
    text = "Water has been dripping from the kitchen ceiling since last night. We have a small baby at home."
    own = (
        OwnTag(key="leak", name="Leak", examples=("Water drips through the ceiling", "A pipe has burst")),
        OwnTag(key="pets", name="Pets", description="Dogs and cats", examples=("The dog barks",)),
        OwnTag(key="children", name="Children", examples=("We have a baby",)),
    )
    found = await embedded.classify(IncomingMessage(content=text), replace(HOUSING, tags=own))
    assert (found.category, set(found.tags)) == ("repairs", {"leak", "children"})
    message = IncomingMessage(content="Please cancel my order and refund me")
    assert (await embedded.classify(message, CONTEXT)).tags
    assert (await embedded.classify(message, replace(CONTEXT, tags=own))).tags == ()
    same = tuple(OwnTag(key=f"leak{number}", name="Leak", examples=(text,)) for number in range(7))
    found = await embedded.classify(IncomingMessage(content=text), replace(CONTEXT, tags=same))
    assert len(set(found.tags)) == 5
    for nothing in ("", "???", "🤷"):
        assert (await embedded.classify(IncomingMessage(content=nothing), replace(CONTEXT, tags=same))).tags == ()


def test_paraphrases_of_corrected_messages_follow_the_corrections() -> None:
    found = own_categories.correct("development")
    assert found.paraphrases.value >= 0.9
    assert found.others.value >= 0.9


@pytest.mark.parametrize("text", ["", "???", "🤷", "asdf jklö", "What is the capital of France?", "play some jazz"])
async def test_text_about_nothing_is_unknown(embedded: Provider, text: str) -> None:
    for context in (Context(), HOUSING):
        found = await embedded.classify(IncomingMessage(content=text), context)
        assert found.is_unknown
        assert found.wire()["unknown"] is True


async def test_text_of_a_category_is_known(embedded: Provider) -> None:
    for text in ("Hello", "Thank you!", "Where is my order?"):
        assert not (await embedded.classify(IncomingMessage(content=text), Context())).is_unknown
    found = await embedded.classify(IncomingMessage(content="The radiators are cold"), HOUSING)
    assert (found.category, found.is_unknown) == ("heating", False)


async def test_team_with_the_words_of_the_category_is_suggested(embedded: Provider) -> None:
    team = Team(id=CONTEXT.teams[0].id, name="Heating crew")
    found = await embedded.classify(
        IncomingMessage(content="The radiators are cold"), replace(HOUSING, teams=(*CONTEXT.teams[1:], team))
    )
    assert found.suggested_team == team.id


async def test_team_is_suggested_for_messages_like_its_examples(embedded: Provider) -> None:
    warmth = Team(
        id=UUID(int=7),
        name="North",
        description="Heating and hot water",
        examples=("Our radiators stay cold", "There is no hot water in the shower"),
    )
    context = replace(CONTEXT, teams=(*CONTEXT.teams, warmth))
    found = await embedded.classify(IncomingMessage(content="The radiator in the bedroom is cold again"), context)
    assert found.suggested_team == warmth.id
    other = await embedded.classify(IncomingMessage(content="I was charged twice for my invoice"), context)
    assert other.suggested_team == CONTEXT.teams[0].id, "by its name"


async def test_correction_to_general_is_followed_beside_own_categories(embedded: Provider) -> None:
    text = "Do you know a good plumber for a weekend house?"
    correction = Correction(content=text, similarity=0.9, category="general")
    context = replace(HOUSING, corrections=(correction,))
    found = await embedded.classify(IncomingMessage(content=text), context)
    assert (found.category, found.is_unknown) == ("general", False)


async def test_short_message_has_the_language_of_its_conversation(embedded: Provider) -> None:
    history = (
        Turn(sender="customer", content="Guten Tag, die Heizung in unserer Wohnung ist seit gestern kalt."),
        Turn(sender="agent", content="Hello, we will send somebody as soon as possible."),
    )
    for text in ("ok super", "Termin Freitag passt", "12345"):
        found = await embedded.classify(IncomingMessage(content=text), Context(history=history))
        assert found.language == "de"
    switched = IncomingMessage(content="Sorry, I continue in English because my husband reads this as well.")
    assert (await embedded.classify(switched, Context(history=history))).language == "en"


def test_categories_and_tags_are_fitted_once() -> None:
    tags = (OwnTag(key="leak", name="Leak"), OwnTag(key="pets", name="Pets", examples=("My dog",)))
    assert own_tags.fit(tags) is own_tags.fit(tuple(replace(one) for one in tags))
    own = (OwnCategory(key="repairs", name="Repairs"), OwnCategory(key="rent", name="Rent", examples=("Too high",)))
    assert fitted.fit(own) is fitted.fit(tuple(replace(one) for one in own))
