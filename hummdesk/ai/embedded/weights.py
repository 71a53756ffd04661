"""Fitted weights of the embedded provider, written by `python -m training.fitting`.

Two files, so that the classifiers of letters can be fitted to new letters without a change of the others.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("weights.npz")
LETTERS_FILE = Path(__file__).with_name("letters.npz")
"""Arrays of `letters`, whose names begin with `letter_`."""

LETTER_LEVELS = 127
"""Quantization of `letter_wholes` and `letter_sentences`: 1.0 is stored as 127."""


@cache
def load_weights() -> Mapping[str, NDArray[Any]]:
    """Return the arrays by name as float32. `scope_examples` stays int8: as float32 it would take 3 MB more."""
    values = _stored(FILE) | _stored(LETTERS_FILE)
    scope_examples = values.pop("scope_examples")
    floats = {name: value.astype(np.float32) for name, value in values.items()}
    floats["neighbours"] *= floats["neighbour_scale"]
    for name in ("letter_wholes", "letter_sentences"):
        floats[name] /= LETTER_LEVELS
    floats["letter_cues"] = np.log1p(floats["letter_cues"])
    return floats | {"scope_examples": scope_examples}


def _stored(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
