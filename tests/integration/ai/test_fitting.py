"""The weights of the embedded provider equal a fit to the examples."""

from pathlib import Path

import numpy as np

from hummdesk.ai.embedded import weights
from training import fitting

TOLERANCES = {
    "neighbours": 3.0,  # quantized to 8 bits, like scope_examples: in steps
    "scope_examples": 1.0,
    "projection": 0.05,
    "neighbour_scale": 1e-4,
    "scope_odds": 0.05,
}
"""Processors round differently, so the arrays are close but not identical; the others have 0.3."""


def test_weights_equal_a_fit_to_the_examples(tmp_path: Path) -> None:
    """Run `make fit` after a change of the examples."""
    fitting.write(fitting.fit(), tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as fitted, np.load(weights.FILE) as shipped:
        assert fitted.files == shipped.files
        for name in shipped.files:
            assert fitted[name].shape == shipped[name].shape, name
            tolerance = TOLERANCES.get(name, 0.3)
            np.testing.assert_allclose(fitted[name].astype(float), shipped[name].astype(float), atol=tolerance)
