"""Cross-encoder: how well each of a few passages answers a question, with passages that are encoded once and cached.

The model is all-MiniLM-L6-v2 (`cross_encoder.md`), which is English, with two changes. Its first four layers, which are
the original's, read question and passage apart. In the last two, the question attends to both. The passage attends to
itself only, in layers of the original, so that its states do not depend on the question. The last two
layers of the question were fitted by `training/cross_encoder.py`, as was the head, which reads the question's states
and their similarity to the passage's.

Weights have eight bits in the file, with one scale for each row, and are float32 in memory, except for word vectors.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded.encoder import MAX_CHARACTERS, Vectors, shortened
from hummdesk.ai.embedded.passage_cache import BoundedCache
from hummdesk.ai.embedded.wordpiece import FIRST, LAST, WordPieceTokenizer

FILE = Path(__file__).with_name("cross_encoder.npz")

WIDTH, HEADS = 384, 12
FROZEN_LAYERS, JOINT_LAYERS = 4, 2
PASSAGE_LAYERS = FROZEN_LAYERS + JOINT_LAYERS - 1
"""Layers of the original that read a passage: those before each joint layer."""
EPSILON = 1e-12
"""Of the normalization of layers, as in the original."""

GELU_SCALE, GELU_CUBIC = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)

QUESTION_BEGINNING, QUESTION_END = 32, 16
"""Tokens that are read of a question which has more than both."""
HISTORY_TOKENS = 24
"""Tokens that are read before the question, of the messages before it."""
PASSAGE_TOKENS = 78
MAX_TOKENS = PASSAGE_TOKENS + 2
"""Of a question or a passage, with the marks of its beginning and its end."""
CACHED_BYTES = 20_000_000
"""Size of the passages that are cached per process: of about 65."""


@dataclass(frozen=True, slots=True)
class PassageStates:
    """What the question attends to, in half precision."""

    keys_and_values: tuple[NDArray[np.float16], ...]
    """For each joint layer, keys and values: 2 x HEADS x tokens x width of a head."""
    states: NDArray[np.float16]
    """The passage before the last layer: tokens x WIDTH."""

    @property
    def size(self) -> int:
        return self.states.nbytes + sum(one.nbytes for one in self.keys_and_values)


class CrossEncoder:
    def __init__(self, stored: Mapping[str, NDArray[Any]]) -> None:
        words = bytes(stored["vocabulary"]).decode().split("\n")
        self._vocabulary = {word: number for number, word in enumerate(words)}
        self._tokenizer = WordPieceTokenizer(self._vocabulary)
        self._word_vectors, self._word_scales = stored["words"], stored["words_scale"].astype(np.float32)
        self._arrays = _dequantized(stored)
        self._passages: BoundedCache[PassageStates] = BoundedCache(max_bytes=CACHED_BYTES)

    def scores(self, question: str, history: str, passages: Sequence[str]) -> list[float]:
        """Return for each passage the log odds, as the head was fitted, that it answers the question.

        Takes about 10 ms for two passages, and 25 ms more if they are not cached. These are read in one pass with the
        question, so that the weights are loaded once.
        """
        if not passages:
            return []
        known = {passage: self._passages.find((passage,)) for passage in passages}
        missing = [passage for passage, states in known.items() if states is None]
        texts = [self.question_tokens(question, history), *map(self.passage_tokens, missing)]
        asked, *layers_of_missing = self._frozen(texts, PASSAGE_LAYERS if missing else FROZEN_LAYERS)
        for passage, layers in zip(missing, layers_of_missing, strict=True):
            known[passage] = self._passages.put((passage,), self._attended(layers[FROZEN_LAYERS - 1 :]))
        attended = [states for passage in passages if (states := known[passage]) is not None]
        return self._scores(asked[FROZEN_LAYERS - 1], attended)

    def question_tokens(self, question: str, history: str) -> list[int]:
        tokens = self._tokenizer.tokenize(shortened(question))
        if len(tokens) > QUESTION_BEGINNING + QUESTION_END:
            tokens = tokens[:QUESTION_BEGINNING] + tokens[-QUESTION_END:]
        before = self._tokenizer.tokenize(history[-MAX_CHARACTERS:])[-HISTORY_TOKENS:]
        return [self._vocabulary[FIRST], *before, *tokens, self._vocabulary[LAST]]

    def passage_tokens(self, passage: str) -> list[int]:
        tokens = self._tokenizer.tokenize(passage[: 2 * MAX_CHARACTERS])[:PASSAGE_TOKENS]
        return [self._vocabulary[FIRST], *tokens, self._vocabulary[LAST]]

    def question_states(self, question: str, history: str) -> Vectors:
        ((*_, states),) = self._frozen([self.question_tokens(question, history)], FROZEN_LAYERS)
        return states

    def passage_states(self, passages: Sequence[str]) -> list[list[Vectors]]:
        """Return for each passage its states before each joint layer."""
        tokens = [self.passage_tokens(passage) for passage in passages]
        return [states[FROZEN_LAYERS - 1 :] for states in self._frozen(tokens, PASSAGE_LAYERS)]

    def forget_passages(self) -> None:
        """Empty the cache of this process, to measure drafts from articles that it has not seen."""
        self._passages.clear()

    def _scores(self, question: Vectors, passages: Sequence[PassageStates]) -> list[float]:
        """Return the score of each passage for the states of a question."""
        states = np.repeat(question[None], len(passages), axis=0)
        for layer in range(JOINT_LAYERS):
            states = self._joint(states, [one.keys_and_values[layer] for one in passages], f"joint{layer}")
        return [self._score(own, one.states.astype(np.float32)) for own, one in zip(states, passages, strict=True)]

    def _attended(self, states: Sequence[Vectors]) -> PassageStates:
        """Return what questions attend to, of a passage with these states before each joint layer."""
        marked = [one + self._arrays["passage_mark"] for one in states]
        keys_and_values = []
        for layer, own in enumerate(marked):
            weights, bias = (self._arrays[f"joint{layer}.attention{part}"][..., WIDTH:] for part in ("", "_bias"))
            parts = (own @ weights + bias).reshape(len(own), 2, HEADS, -1)
            keys_and_values.append(parts.transpose(1, 2, 0, 3).astype(np.float16))
        return PassageStates(tuple(keys_and_values), marked[-1].astype(np.float16))

    def _frozen(self, texts: Sequence[Sequence[int]], layers: int) -> list[list[Vectors]]:
        """Return for each text, of which the tokens are given, its states behind each of the first layers."""
        tokens = np.concatenate(texts)
        ends = np.cumsum([len(own) for own in texts])[:-1]
        positions = np.concatenate([self._arrays["positions"][: len(own)] for own in texts])
        words = self._word_vectors[tokens] * self._word_scales[tokens]
        states = _normalized(words + positions, self._arrays["words_norm"])
        behind: list[list[Vectors]] = [[] for _ in texts]
        for layer in range(layers):
            name = f"layer{layer}"
            parts = self._linear(states, f"{name}.attention").reshape(len(tokens), 3, HEADS, -1)
            attended = [_attention(*own.transpose(1, 2, 0, 3)) for own in np.split(parts, ends)]
            states = self._feed_forward(states, np.concatenate(attended), name)
            for own_states, own in zip(behind, np.split(states, ends), strict=True):
                own_states.append(own)
        return behind

    def _joint(self, states: Vectors, passages: Sequence[NDArray[np.float16]], name: str) -> Vectors:
        """Run a layer on the states of one question beside several passages: passages x tokens x WIDTH."""
        flat = states.reshape(-1, WIDTH)
        parts = self._linear(flat, f"{name}.attention").reshape(*states.shape[:2], 3, HEADS, -1)
        attended = []
        for own, passage in zip(parts.transpose(0, 2, 3, 1, 4), passages, strict=True):
            queries, keys, values = own
            keys, values = (np.concatenate(pair, axis=1) for pair in zip((keys, values), passage, strict=True))
            attended.append(_attention(queries, keys, values))
        return self._feed_forward(flat, np.concatenate(attended), name).reshape(states.shape)

    def _score(self, question: Vectors, passage: Vectors) -> float:
        nearest = (_directions(question) @ _directions(passage).T).max(axis=1).mean()
        mean, mean_passage = question.mean(axis=0), passage.mean(axis=0)
        features = np.concatenate([question[0], mean, mean_passage, mean * mean_passage])
        hidden = _gelu(self._linear(features, "head0"))
        factor, intercept = self._arrays["nearest"]
        return float(self._linear(hidden, "head1")[0] + factor * nearest + intercept)

    def _feed_forward(self, states: Vectors, attended: Vectors, name: str) -> Vectors:
        states = _normalized(states + self._linear(attended, f"{name}.output"), self._arrays[f"{name}.output_norm"])
        hidden = _gelu(self._linear(states, f"{name}.wide"))
        return _normalized(states + self._linear(hidden, f"{name}.narrow"), self._arrays[f"{name}.narrow_norm"])

    def _linear(self, states: Vectors, name: str) -> Vectors:
        product: Vectors = states @ self._arrays[name]
        product += self._arrays[f"{name}_bias"]
        return product


def quantized(weights: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return each row in 8 bits, and what to multiply it by."""
    scale = np.abs(weights).max(axis=1, keepdims=True) / 127 + 1e-7
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float16)


def _dequantized(stored: Mapping[str, NDArray[Any]]) -> dict[str, Vectors]:
    """Return all arrays but those of words as float32; matrices transposed, to be multiplied from the right."""
    arrays = {}
    for name, array in stored.items():
        if array.dtype == np.int8 and name != "words":
            arrays[name] = np.ascontiguousarray((array * stored[f"{name}_scale"].astype(np.float32)).T)
        elif array.dtype in (np.float16, np.float32) and not name.endswith("_scale"):
            arrays[name] = array.astype(np.float32)
    return arrays


def _attention(queries: Vectors, keys: Vectors, values: Vectors) -> Vectors:
    """Return what each query, of HEADS x queries x width, reads of the values, as a row for all heads."""
    weights = queries @ keys.transpose(0, 2, 1) / np.float32(np.sqrt(queries.shape[2]))
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    attended: Vectors = (weights @ values).transpose(1, 0, 2).reshape(queries.shape[1], -1)
    return attended


def _normalized(states: Vectors, gain_and_bias: Vectors) -> Vectors:
    """Scale each row to mean 0 and variance 1, then by the layer's own gain and bias."""
    normalized: Vectors = states - states.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", normalized, normalized)[:, None] / normalized.shape[1]
    gain, bias = gain_and_bias
    normalized /= np.sqrt(variance + EPSILON)
    normalized *= gain
    normalized += bias
    return normalized


def _gelu(values: Vectors) -> Vectors:
    """Gaussian error linear unit, approximated by tanh as in BERT: it differs by less than 0.0005."""
    activated: Vectors = values * values
    activated *= GELU_CUBIC * GELU_SCALE
    activated += GELU_SCALE
    activated *= values
    np.tanh(activated, out=activated)
    activated += 1
    activated *= values
    activated *= np.float32(0.5)
    return activated


def _directions(states: Vectors) -> Vectors:
    directions: Vectors = states / np.linalg.norm(states, axis=1, keepdims=True)
    return directions


@cache
def load_cross_encoder() -> CrossEncoder:
    with np.load(FILE, allow_pickle=False) as stored:
        return CrossEncoder(stored)
