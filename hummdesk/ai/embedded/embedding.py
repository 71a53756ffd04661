"""Text embeddings: texts with the same meaning are near each other, in any language and any phrasing.

An embedding is the encoder's vector minus the mean, projected so that phrasing ("how do I …", "please help me to …")
matters less than content, and so that questions about the same article are close (see `training/fitting.py`).
"""

from collections.abc import Sequence

import numpy as np

from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.weights import load_weights

MODEL = "use-multilingual-3/3"
"""Version of the embeddings. Change it with anything that changes a vector, or the passages of an article: what is
stored of them is then recomputed.
"""

DIMENSIONS = 256


def embed(texts: Sequence[str]) -> Vectors:
    """Return one row of length 1 per text, also for an empty text. The inner product of two rows is their similarity.

    Takes 2 to 4 ms for one short text, 1 ms per text in a batch, at most about 30 ms per text.
    """
    return project(encode(texts))


def project(encoded: Vectors) -> Vectors:
    """Return the embeddings of texts that `encode` has already encoded."""
    return normalize((encoded - load_weights()["mean"]) @ load_weights()["projection"])


def normalize(vectors: Vectors) -> Vectors:
    """Scale each row to length 1."""
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-9)
