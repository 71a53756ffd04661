"""Fitting of the classifiers of letters (`hummdesk/ai/embedded/letters.py`): kernel ridge regressions with one kernel.

Each classifier is fitted to all letters and to the short examples of its own labels; those of sentiment count less. The
scores of letters by a fit without their trade, exact and without another fit (`scope.scores_without_group`), calibrate
priority and sentiment for the shares that help desks see.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.letters import (
    CATEGORIES,
    WORD_WEIGHT,
    LetterFeatures,
    encode_sentences,
    letter_features,
    letter_kernel,
    word_counts,
    word_features,
)
from hummdesk.ai.text import plain
from training.corpus import Letter, load_examples, load_letters
from training.projection import main_directions
from training.regression import softmax_regression
from training.scope import cholesky, scores_without_group, solve

DIRECTIONS = 192
RIDGE = 0.4
WEIGHTS: Mapping[str, float] = {"categories": 2.5, "urgency": 1.0, "sentiment": 0.3}
"""Weight of a short example, by file; a letter has 1."""
CALIBRATION_PENALTY = 0.01
PRIORITY_SHARES = (0.20, 0.43, 0.25, 0.12)
SENTIMENT_SHARES = (0.40, 0.45, 0.15)
"""Expected shares of messages to a help desk, in the order of PRIORITIES and SENTIMENTS; our letters have others."""


def fit_letters(encoded: Mapping[str, Vectors], mean: Vectors) -> dict[str, Vectors]:
    """Fit to all letters and to the short examples, whose vectors are given by the name of the file."""
    written = sorted(load_letters(), key=lambda one: one.trade)
    texts = [plain(one.text) for one in written]
    vectors = encode(texts)
    directions = main_directions(classifiers.centre(np.vstack([encoded["categories"], vectors]), mean), DIRECTIONS)

    def features(texts: Sequence[str], encoded: Vectors) -> LetterFeatures:
        return letter_features(texts, encoded, encode_sentences(texts), mean=mean, directions=directions)

    of_letters = features(texts, vectors)
    of_files = {name: features([one.text for one in load_examples(name)], encoded[name]) for name in WEIGHTS}
    counts = {name: word_counts([one.text for one in load_examples(name)]) for name in WEIGHTS}
    counts_of_letters = word_counts(texts)
    rarity = _rarity(np.vstack([*counts.values(), counts_of_letters]))
    words = {name: word_features(np.vstack([of_file, counts_of_letters]), rarity) for name, of_file in counts.items()}
    sizes = [len(list(group)) for _, group in groupby(written, key=lambda one: one.trade)]
    priorities, sentiments = (_labels(written, name) for name in ("priority", "sentiment"))
    fits = {
        name: _fit(name, _stacked([of_files[name], of_letters]), words[name], labels, sizes)
        for name, labels in (
            ("categories", _labels(written, "category")),
            ("urgency", priorities),
            ("sentiment", sentiments),
        )
    }
    examples = _stacked([*of_files.values(), of_letters])
    return {
        "letter_directions": directions,
        "letter_wholes": examples.whole,
        "letter_sentences": examples.sentences,
        "letter_cues": examples.cues,
        "letter_weights": _columns([weights for weights, _ in fits.values()], len(written)),
        "letter_word_rarity": rarity,
        "letter_words": np.hstack([_word_weights(words[name], weights) for name, (weights, _) in fits.items()]),
        "letter_priority": _calibration(fits["urgency"][1], priorities, PRIORITY_SHARES),
        "letter_sentiment": _calibration(fits["sentiment"][1], sentiments, SENTIMENT_SHARES),
    }


def _fit(
    name: str,
    features: LetterFeatures,
    words: Vectors,
    labels: NDArray[np.int64],
    sizes: Sequence[int],
) -> tuple[Vectors, Vectors]:
    """Return the weights of the file's examples and the letters, and each letter's scores without its trade."""
    names = _NAMES[name]
    short = np.array([names.index(one.label) for one in load_examples(name)])
    targets = np.eye(len(names))[np.concatenate([short, labels])] - 1 / len(names)
    kernel = (letter_kernel(features, features) + WORD_WEIGHT * (words @ words.T)).astype(np.float64)
    counts = np.concatenate([np.full(len(short), WEIGHTS[name]), np.ones(len(labels))])
    kernel[np.diag_indices(len(kernel))] += RIDGE / counts
    lower = cholesky(kernel.astype(np.float32))
    weights = solve(lower, targets, matrix=kernel)
    return weights, scores_without_group(lower, weights, targets, sizes)


def _word_weights(words: Vectors, weights: Vectors) -> Vectors:
    """Return the weight of each bucket, in 32 bits as the words: their matrix has up to 115 MB."""
    return WORD_WEIGHT * (words.T @ weights.astype(words.dtype))


def _rarity(counts: Vectors) -> Vectors:
    """Return the inverse document frequency of each bucket."""
    rarity: Vectors = np.log((1 + len(counts)) / (1 + np.count_nonzero(counts, axis=0))).astype(np.float32)
    return rarity


def _columns(weights: Sequence[Vectors], letters: int) -> Vectors:
    """Put the weights of all classifiers side by side: first the rows of the files in order, then the letters."""
    files = [len(one) - letters for one in weights]
    starts = np.cumsum([0, *files])
    columns = []
    for one, start, size in zip(weights, starts, files, strict=False):
        column = np.zeros((sum(files) + letters, one.shape[1]))
        column[start : start + size], column[sum(files) :] = one[:size], one[size:]
        columns.append(column)
    return np.hstack(columns).astype(np.float32)


def _stacked(parts: Sequence[LetterFeatures]) -> LetterFeatures:
    return LetterFeatures(
        np.vstack([one.whole for one in parts]),
        np.vstack([one.sentences for one in parts]),
        np.vstack([one.cues for one in parts]),
    )


def _calibration(scores: Vectors, labels: NDArray[np.int64], shares: Sequence[float]) -> Vectors:
    """Return a softmax regression from scores to probabilities, for the given shares of labels."""
    counts = np.array(shares)[labels] / np.bincount(labels)[labels]
    return softmax_regression(scores, labels, len(shares), penalty=CALIBRATION_PENALTY, counts=counts / counts.mean())


_NAMES: Mapping[str, Sequence[str]] = {
    "categories": CATEGORIES,
    "urgency": classifiers.PRIORITIES,
    "sentiment": classifiers.SENTIMENTS,
}


def _labels(written: Sequence[Letter], name: str) -> NDArray[np.int64]:
    names = {"category": CATEGORIES, "priority": classifiers.PRIORITIES, "sentiment": classifiers.SENTIMENTS}[name]
    return np.array([names.index(getattr(one, name)) for one in written])
