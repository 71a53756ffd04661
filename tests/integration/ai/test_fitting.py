"""fitted.npz is what the examples give, and the examples are what their files say."""

from pathlib import Path

import numpy as np
import pytest

from hummdesk.ai.embedded import classifiers, weights
from tests.integration.ai import measures
from tests.integration.ai.measures import HELD_BACK
from training import fitting


def test_the_file_is_what_the_examples_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `make fit` after a change of the examples. Processors round differently, hence near and not the same."""
    fitting.write(fitting.fit(), tmp_path / "fitted.npz")
    with np.load(tmp_path / "fitted.npz") as now, np.load(weights.FILE) as kept:
        assert now.files == kept.files
        for name in kept.files:
            assert now[name].shape == kept[name].shape, name
            np.testing.assert_allclose(now[name].astype(float), kept[name].astype(float), atol=_tolerance(name))


def _tolerance(name: str) -> float:
    """Of what is kept in 8 bits, in steps."""
    in_steps = {"neighbours": 3.0, "scope_examples": 1.0}
    others = {"category_temperature": 0.15, "projection": 0.05, "neighbour_scale": 1e-4, "scope_odds": 0.05}
    return (in_steps | others).get(name, 0.3)


def test_what_is_left_out_is_scored_by_the_others_alone() -> None:
    chance = np.random.default_rng(7)
    texts, wanted, sizes = chance.normal(size=(12, 3)), np.repeat([1.0, -1.0], 6), [4, 2, 5, 1]
    kernel, ridge = classifiers.scope_kernel(texts, texts), 0.5 * np.eye(12)
    found = fitting.scores_left_out(np.linalg.inv(kernel + ridge), wanted, sizes)
    for own in np.split(np.arange(12), np.cumsum(sizes)[:-1]):
        others = np.setdiff1d(np.arange(12), own)
        weights = np.linalg.solve((kernel + ridge)[np.ix_(others, others)], wanted[others])
        np.testing.assert_allclose(found[own], kernel[np.ix_(own, others)] @ weights, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("categories", classifiers.CATEGORIES),
        ("sentiment", classifiers.SENTIMENTS),
        ("urgency", classifiers.PRIORITIES),
        ("scope", ("out",)),
        ("outside", ("out",)),
        ("phrasings", ("frame", "wish")),
    ],
)
def test_examples_have_the_labels_there_are(name: str, labels: tuple[str, ...]) -> None:
    assert {one.label for one in fitting.examples(name)} == set(labels)


@pytest.mark.parametrize("name", ["categories", "sentiment", "urgency"])
def test_what_is_held_back_is_not_fitted_to(name: str) -> None:
    fitted_to = {one.text.casefold() for one in fitting.examples(name)}
    held_back = [one.text.casefold() for one in fitting.examples(name, HELD_BACK)]
    shared = [text for text in held_back if text in fitted_to]
    assert len(shared) <= len(held_back) // 50, shared


def test_no_held_back_question_is_among_those_of_the_companies() -> None:
    asked = {text.casefold() for articles in fitting.companies() for article in articles for text in article}
    _, held_back = measures.held_back_knowledge()
    assert [question for _, question in held_back if question.casefold() in asked] == []


def test_every_company_has_articles_that_are_asked_for() -> None:
    for articles in fitting.companies():
        assert len(articles) == 15
        for title, body, *asked in articles:
            assert body.startswith(f"{title}. ")
            assert len(asked) >= 9, title
