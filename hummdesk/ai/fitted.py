"""What has been learned from hummdesk/ai/examples, as numbers: read from fitted.npz, which fitting.py writes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("fitted.npz")


@cache
def fitted() -> Mapping[str, NDArray[np.float32]]:
    """By name, as 32-bit floats: the file keeps some of them in fewer bits."""
    with np.load(FILE, allow_pickle=False) as stored:
        values = {name: stored[name].astype(np.float32) for name in stored.files}
    return values | {"neighbours": values["neighbours"] * values["neighbour_scale"]}
