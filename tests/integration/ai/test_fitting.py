"""The weights of the embedded provider equal a fit to the examples. Run `make fit` after a change of the examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hummdesk.ai.embedded import quotation, weights
from training import quotation as quotation_fit
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
        pytest.param(fit_classifiers, "", id="classifiers", marks=pytest.mark.systems),
        pytest.param(fit_letter_classifiers, "letter_", id="letters", marks=pytest.mark.systems),
        pytest.param(fit_scope_classifier, "scope_", id="scope"),
    ],
)
def test_weights_equal_a_fit_to_the_examples(
    shipped: Mapping[str, NDArray[Any]], fit: Callable[[], Mapping[str, NDArray[Any]]], prefix: str
) -> None:
    fitted = quantized(fit())
    prefixes = tuple(one for one in ("letter_", "scope_") if one != prefix)
    assert fitted.keys() == {name for name in shipped if name.startswith(prefix) and not name.startswith(prefixes)}
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
