"""Softmax regression, and the temperature that calibrates the topic classifier."""

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.encoder import Vectors

STEPS = 300
FOLDS = 5
TOPIC_PENALTY = 0.1


def softmax_regression(
    x: Vectors, y: NDArray[np.int64], classes: int, *, penalty: float, counts: Vectors | None = None
) -> Vectors:
    """Return weights, the intercept as the last row, by Nesterov's accelerated gradient descent.

    `penalty` is the factor of the squared weights, also known as 1/C; the intercept is not penalized. `counts`, with
    the mean 1, says how often each row counts.
    """
    each = np.ones((len(x), 1), dtype=np.float32) if counts is None else counts[:, None].astype(np.float32)
    features = np.hstack([x, np.ones((len(x), 1))]).astype(np.float32)
    targets = np.eye(classes, dtype=np.float32)[y]
    decay = np.full((features.shape[1], 1), penalty / len(x), dtype=np.float32)
    decay[-1] = 0.0
    squared_norm = np.linalg.norm(features * np.sqrt(each), ord=2) ** 2
    rate = np.float32(1 / (0.5 * squared_norm / len(x) + penalty / len(x)))
    weights = previous = np.zeros((features.shape[1], classes), dtype=np.float32)
    for step in range(STEPS):
        ahead = weights + np.float32(step / (step + 3)) * (weights - previous)
        gradient = features.T @ (each * (classifiers.softmax(features @ ahead) - targets)) / len(x) + decay * ahead
        previous, weights = weights, ahead - rate * gradient
    return weights


def fit_temperature(vectors: Vectors, labels: NDArray[np.int64]) -> float:
    """Return the temperature with the least log loss on topics of examples that were left out of the fit."""
    logits = np.zeros((len(vectors), len(classifiers.TOPICS)), dtype=np.float32)
    for fold in range(FOLDS):
        out = np.arange(len(vectors)) % FOLDS == fold
        known, known_labels = vectors[~out], labels[~out]
        weights = softmax_regression(known, known_labels, len(classifiers.TOPICS), penalty=TOPIC_PENALTY)
        logits[out] = classifiers.topic_logits(vectors[out], weights, known, known_labels)
    temperatures = np.arange(0.5, 4.0, 0.05)
    losses = [
        -np.log(classifiers.softmax(logits / temperature)[np.arange(len(labels)), labels] + 1e-12).mean()
        for temperature in temperatures
    ]
    return float(temperatures[int(np.argmin(losses))])
