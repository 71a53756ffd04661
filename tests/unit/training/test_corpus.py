"""The examples are labelled, complete and disjoint from the held-back ones."""

from collections import Counter
from typing import get_args

import pytest

from hummdesk.ai.embedded import classifiers, letters
from hummdesk.core.categories import Category
from training.corpus import load_companies, load_examples, load_letters
from training.evaluation import quality, yardstick
from training.evaluation.quality import HELD_BACK


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("categories", classifiers.TOPICS[:-1]),
        ("sentiment", classifiers.SENTIMENTS),
        ("urgency", classifiers.PRIORITIES),
        ("scope", ("out",)),
        ("scope_extra", ("out",)),
        ("phrasings", ("frame", "wish")),
    ],
)
def test_examples_have_exactly_the_known_labels(name: str, labels: tuple[str, ...]) -> None:
    assert {one.label for one in load_examples(name)} == set(labels)


@pytest.mark.parametrize("name", ["categories", "sentiment", "urgency"])
def test_held_back_examples_are_not_fitted_to(name: str) -> None:
    fitted = {one.text.casefold() for one in load_examples(name)}
    held_back = [one.text.casefold() for one in load_examples(name, HELD_BACK)]
    shared = [text for text in held_back if text in fitted]
    assert len(shared) <= len(held_back) // 50, shared


def test_letters_have_exactly_the_known_labels() -> None:
    written = load_letters()
    assert {one.category for one in written} == set(letters.CATEGORIES) == set(get_args(Category))
    assert {one.priority for one in written} == set(classifiers.PRIORITIES)
    assert {one.sentiment for one in written} == set(classifiers.SENTIMENTS)
    assert len({one.text for one in written}) == len(written)


def test_letters_of_the_yardstick_are_not_fitted_to() -> None:
    measured = yardstick.load_letters("development")
    fitted = load_letters()
    assert {one.text.casefold() for one in fitted}.isdisjoint(one.text.casefold() for one in measured)
    assert {one.trade for one in fitted}.isdisjoint(one.trade for one in measured)


def test_short_messages_are_in_each_language_and_in_one_part_only() -> None:
    parts = [quality.short_messages("development"), quality.short_messages("final")]
    for part in parts:
        assert set(Counter(language for _, language in part).values()) == {10}
        assert len({language for _, language in part}) == 17
    assert len({text for part in parts for text, _ in part}) == 340


def test_held_back_questions_are_not_fitted_to() -> None:
    fitted = {text.casefold() for articles in load_companies() for article in articles for text in article}
    _, held_back = quality.held_back_knowledge()
    assert [question for _, question in held_back if question.casefold() in fitted] == []


def test_companies_have_articles_with_questions() -> None:
    for articles in load_companies():
        assert len(articles) == 15
        for title, body, *questions in articles:
            assert body.startswith(f"{title}. ")
            assert len(questions) >= 9, title
