"""What has been learned from training/examples, as numbers: read from fitted.npz, which fitting.py writes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("weights.npz")


@cache
def load_weights() -> Mapping[str, NDArray[Any]]:
    """By name, as 32-bit floats, though the file keeps some in fewer bits; `scope_examples` stay in 8, being many."""
    with np.load(FILE, allow_pickle=False) as stored:
        values = {name: stored[name] for name in stored.files}
    scope_examples = values.pop("scope_examples")
    floats = {name: value.astype(np.float32) for name, value in values.items()}
    floats["neighbours"] *= floats["neighbour_scale"]
    return floats | {"scope_examples": scope_examples}
