"""The encodings of an article's passages as they are stored with it.

To encode them takes most of the time of a draft from articles that a process has not seen lately: 1 ms for each of
about 25 passages. What is stored begins with a digest of the passages, so that it is never taken for those of another
text, of another version of the model, or of another way to divide a text into passages.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from hummdesk.ai.embedded.embedding import MODEL
from hummdesk.ai.embedded.encoder import WIDTH, Vectors

DIGEST_BYTES = 16
NUMBER = np.dtype("<f2")
"""Similarities differ by less than 0.001 from those of float32."""


def pack(passages: Sequence[str], encoded: Vectors) -> bytes:
    """Return the encodings of a source's passages, a row for each, as they are stored."""
    return _digest(passages) + encoded.astype(NUMBER).tobytes()


def unpack(passages: Sequence[str], stored: bytes) -> Vectors | None:
    """Return a row for each passage; None if others are stored, or none."""
    if stored[:DIGEST_BYTES] != _digest(passages):
        return None
    return np.frombuffer(stored, dtype=NUMBER, offset=DIGEST_BYTES).reshape(-1, WIDTH).astype(np.float32)


def _digest(passages: Sequence[str]) -> bytes:
    digest = blake2b(MODEL.encode(), digest_size=DIGEST_BYTES)
    for text in passages:
        in_bytes = text.encode(errors="surrogatepass")
        digest.update(len(in_bytes).to_bytes(8))
        digest.update(in_bytes)
    return digest.digest()
