"""The weights of the embedded provider equal a fit to the examples. Run `make fit` after a change of the examples.

The fits take 40 seconds, in `make test-systems`. Otherwise, those of short texts use the shipped projection, and the
weights of scope and letters are inserted into the equations that a fit solves, of one in eight and in five examples.

The cross-encoder is not fitted again by any test: see `training/cross_encoder.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers, letters, quotation, weights
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.text import plain
from training import letters as letter_fit
from training import quotation as quotation_fit
from training import scope as scope_fit
from training.corpus import load_companies, load_examples, load_letters
from training.fitting import fit_classifiers, fit_letter_classifiers, fit_scope_classifier, quantized

TOLERANCES = {
    "neighbours": 3.0,  # quantized to 8 bits, like scope_examples and letters: in steps
    "letter_wholes": 1.0,
    "letter_sentences": 1.0,
    "letter_priority": 1.0,
    "letter_sentiment": 1.0,
    "letter_words": 0.03,
    "scope_examples": 1.0,
    "projection": 0.05,
    "neighbour_scale": 1e-4,
    "scope_odds": 0.05,
}
"""Processors round differently, so the arrays are close but not identical; the others have 0.3."""

ROTATED = {"letter_directions": 0.1, "letter_wholes": 0.1, "letter_sentences": 0.1}
"""Directions with nearly equal eigenvalues rotate with the rounding: inner products of rows are compared instead."""

EQUATION_TOLERANCE = 0.15
"""The vectors are quantized: the largest of 900 differences is 0.07. Three weights of the wrong sign make it 0.84."""
STORED = ("letter_wholes", "letter_sentences", "letter_cues")


@pytest.fixture(scope="module")
def shipped() -> Iterator[Mapping[str, NDArray[Any]]]:
    with (
        np.load(weights.FILE, allow_pickle=False) as stored,
        np.load(weights.LETTERS_FILE, allow_pickle=False) as of_letters,
    ):
        assert all(name.startswith("letter_") for name in of_letters)
        yield {**stored, **of_letters}


@pytest.mark.parametrize(
    ("fit", "prefix"),
    [
        pytest.param(fit_classifiers, "", id="classifiers"),
        pytest.param(fit_letter_classifiers, "letter_", id="letters"),
        pytest.param(fit_scope_classifier, "scope_", id="scope"),
    ],
)
@pytest.mark.systems
def test_weights_equal_a_fit_to_the_examples(
    shipped: Mapping[str, NDArray[Any]], fit: Callable[[], Mapping[str, NDArray[Any]]], prefix: str
) -> None:
    fitted = quantized(fit())
    prefixes = tuple(one for one in ("letter_", "scope_") if one != prefix)
    assert fitted.keys() == {name for name in shipped if name.startswith(prefix) and not name.startswith(prefixes)}
    assert_close(fitted, shipped)


def assert_close(fitted: Mapping[str, NDArray[Any]], shipped: Mapping[str, NDArray[Any]]) -> None:
    for name, array in fitted.items():
        if name in ROTATED:
            expected = _inner_products(shipped[name])
            np.testing.assert_allclose(_inner_products(array), expected, atol=ROTATED[name], err_msg=name)
            continue
        assert array.shape == shipped[name].shape, name
        assert array.dtype == shipped[name].dtype, name
        np.testing.assert_allclose(
            array.astype(float), shipped[name].astype(float), atol=TOLERANCES.get(name, 0.3), err_msg=name
        )


def test_weights_of_short_texts_equal_a_fit_with_the_shipped_projection(shipped: Mapping[str, NDArray[Any]]) -> None:
    assert_close(quantized(fit_classifiers(shipped["projection"].astype(np.float32))), shipped)


def test_weights_of_scope_solve_the_equations_of_a_fit() -> None:
    shipped = weights.load_weights()
    in_scope = [*_texts("categories"), *(text for articles in load_companies() for texts in articles for text in texts)]
    texts = [*in_scope, *_texts("scope"), *_texts("scope_extra")]
    examples, solution = shipped["scope_examples"] / np.float32(classifiers.SCOPE_LEVELS), shipped["scope_weights"]
    assert len(texts) == len(examples) == len(solution)
    some = np.arange(0, len(texts), 8)
    features = classifiers.scope_features(
        encode([texts[row] for row in some]), shipped["mean"], shipped["scope_directions"]
    )
    np.testing.assert_allclose(features, examples[some], atol=1.5 / classifiers.SCOPE_LEVELS)

    is_in_scope = some < len(in_scope)
    penalties = scope_fit.RIDGE / np.where(is_in_scope, 1.0, scope_fit.OUT_OF_SCOPE_WEIGHT)
    targets = classifiers.scope_kernel(examples[some], examples) @ solution + penalties * solution[some]
    np.testing.assert_allclose(targets, np.where(is_in_scope, 1.0, -1.0), atol=EQUATION_TOLERANCE)


def test_weights_of_letters_solve_the_equations_of_a_fit() -> None:
    shipped = weights.load_weights()
    written = sorted(load_letters(), key=lambda one: one.trade)
    texts = [*(text for name in letter_fit.WEIGHTS for text in _texts(name)), *(plain(one.text) for one in written)]
    examples = _taken(letters.LetterFeatures(*(shipped[name] for name in STORED)), slice(None))
    assert len(texts) == len(examples.whole) == len(shipped["letter_weights"])
    some = np.arange(0, len(texts), 20)
    chosen = [texts[row] for row in some]
    features = letters.letter_features(
        chosen, *letters.encode_with_sentences(chosen), mean=shipped["mean"], directions=shipped["letter_directions"]
    )
    for name in ("whole", "sentences", "cues"):
        found, expected = getattr(features, name), getattr(examples, name)[some]
        np.testing.assert_allclose(found, expected, atol=1.5 / weights.LETTER_LEVELS, err_msg=name)
    counts, rarity = letters.word_counts(texts), shipped["letter_word_rarity"]
    found = np.log((1 + len(texts)) / (1 + np.count_nonzero(counts, axis=0)))
    np.testing.assert_allclose(found, rarity, atol=0.01)

    first, letter_rows = 0, np.arange(len(texts) - len(written), len(texts))
    for name, label, column, known in (
        ("categories", "category", letters.CATEGORY, letters.CATEGORIES),
        ("urgency", "priority", letters.PRIORITY, classifiers.PRIORITIES),
        ("sentiment", "sentiment", letters.SENTIMENT, classifiers.SENTIMENTS),
    ):
        labels = [example.label for example in load_examples(name)]
        rows = np.concatenate([np.arange(first, first + len(labels)), letter_rows])
        first += len(labels)
        labels += [getattr(one, label) for one in written]
        of_each = np.where(rows < letter_rows[0], letter_fit.WEIGHTS[name], 1.0)
        solution = shipped["letter_weights"][rows, column]
        some = np.arange(0, len(rows), 5)
        targets = letters.letter_kernel(_taken(examples, rows[some]), _taken(examples, rows)) @ solution
        targets += letters.word_features(counts[rows[some]], rarity) @ shipped["letter_words"][:, column]
        targets += letter_fit.RIDGE / of_each[some, None] * solution[some]
        expected = np.array([[labels[row] == one for one in known] for row in some]) - 1 / len(known)
        np.testing.assert_allclose(targets, expected, atol=EQUATION_TOLERANCE, err_msg=name)


def _taken(features: letters.LetterFeatures, rows: Any) -> letters.LetterFeatures:
    return letters.LetterFeatures(features.whole[rows], features.sentences[rows], features.cues[rows])


def _texts(name: str) -> list[str]:
    return [example.text for example in load_examples(name)]


@pytest.mark.systems
def test_weights_of_quotations_equal_a_fit_to_the_examples() -> None:
    fitted = quotation_fit.fit(quotation_fit.load_cases())
    np.testing.assert_allclose(fitted, quotation.WEIGHTS, atol=0.02)


def _inner_products(rows: NDArray[Any]) -> NDArray[Any]:
    some = rows[::8].astype(np.float32)
    # The row of a text in a script that the encoder does not know is zero.
    some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1)
    products: NDArray[Any] = some @ some.T
    return products
