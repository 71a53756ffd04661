"""The weights of the embedded provider equal a fit to the examples. Run `make fit` after a change of the examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hummdesk.ai.embedded import weights
from training.fitting import fit_classifiers, fit_scope_classifier, quantized

TOLERANCES = {
    "neighbours": 3.0,  # quantized to 8 bits, like scope_examples: in steps
    "scope_examples": 1.0,
    "projection": 0.05,
    "neighbour_scale": 1e-4,
    "scope_odds": 0.05,
}
"""Processors round differently, so the arrays are close but not identical; the others have 0.3."""


@pytest.fixture(scope="module")
def shipped() -> Iterator[Mapping[str, NDArray[Any]]]:
    with np.load(weights.FILE, allow_pickle=False) as stored:
        yield stored


@pytest.mark.parametrize("is_scope", [False, True], ids=["classifiers", "scope"])
def test_weights_equal_a_fit_to_the_examples(shipped: Mapping[str, NDArray[Any]], is_scope: bool) -> None:
    fit: Callable[[], Mapping[str, NDArray[Any]]] = fit_scope_classifier if is_scope else fit_classifiers
    fitted = quantized(fit())
    assert fitted.keys() == {name for name in shipped if name.startswith("scope_") is is_scope}
    for name, array in fitted.items():
        assert array.shape == shipped[name].shape, name
        assert array.dtype == shipped[name].dtype, name
        np.testing.assert_allclose(
            array.astype(float), shipped[name].astype(float), atol=TOLERANCES.get(name, 0.3), err_msg=name
        )
