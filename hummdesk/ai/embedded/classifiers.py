"""Fitted classifiers of short texts: probabilities of topic, scope and sentiment of an encoded text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded.embedding import normalize
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.protocol import Priority, Sentiment

# The order of each tuple is the order of the columns in the fitted weights.
TOPICS = (
    "account_access",
    "billing",
    "refund_cancellation",
    "order_shipping",
    "technical",
    "sales",
    "complaint_feedback",
    "general",
    "out",
)
"""What a short message is about, and `out` for messages that are out of scope for a help desk."""
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high", "urgent")

NEIGHBOURS = 10
NEIGHBOUR_SHARPNESS = 10.0
"""Weight of a neighbour is exp(sharpness * similarity): e times more for each 0.1 of similarity."""
NEIGHBOUR_SMOOTHING = 0.02
"""Added to the share of each topic among the neighbours, so that no topic has probability 0."""

SCOPE_LEVELS = 127
"""Quantization of `scope_examples`: 1.0 is stored as 127."""
SCOPE_BLOCK = 512
"""Examples that are compared at once: all 7,451 would take 8 MB as float32, which each worker process keeps."""
SCOPE_SHARPNESS = 3.0
"""As NEIGHBOUR_SHARPNESS, in the kernel of the scope classifier."""


def topic_probabilities(embeddings: Vectors) -> Vectors:
    """Return one row per embedding, in the order of TOPICS."""
    weights = load_weights()
    logits = topic_logits(embeddings, weights["topic"], weights["neighbours"], weights["neighbour_labels"])
    return softmax(logits / weights["topic_temperature"])


def scope_probability(encoded: Vectors) -> Vectors:
    """Return for each encoded text the probability that it is in scope for a help desk."""
    weights = load_weights()
    features = scope_features(encoded, weights["mean"], weights["scope_directions"])
    slope, intercept = weights["scope_odds"]
    scores = np.zeros(len(features), dtype=np.float32)
    for start in range(0, len(weights["scope_examples"]), SCOPE_BLOCK):
        block = slice(start, start + SCOPE_BLOCK)
        examples = weights["scope_examples"][block].astype(np.float32) / SCOPE_LEVELS
        scores += scope_kernel(features, examples) @ weights["scope_weights"][block]
    probabilities: Vectors = 1 / (1 + np.exp(-slope * scores - intercept))
    return probabilities


def scope_features(encoded: Vectors, mean: Vectors, directions: Vectors) -> Vectors:
    """Project the centred vectors on the main directions of the scope examples."""
    return normalize(centre(encoded, mean) @ directions)


def scope_kernel(rows: Vectors, columns: Vectors) -> Vectors:
    """Return the kernel matrix of two sets of unit vectors."""
    kernel: Vectors = rows @ columns.T
    kernel -= 1  # in place: when the classifier is fitted, the matrix has 435 MB
    kernel *= SCOPE_SHARPNESS
    return np.exp(kernel, out=kernel)


def sentiment_probabilities(encoded: Vectors) -> Vectors:
    """Return one row per encoded text, in the order of SENTIMENTS."""
    return softmax(linear(centre(encoded, load_weights()["mean"]), load_weights()["sentiment"]))


def centre(encoded: Vectors, mean: Vectors) -> Vectors:
    """Subtract the mean and normalize. Unlike an embedding, the result still contains tone and phrasing."""
    return normalize(encoded - mean)


def topic_logits(embeddings: Vectors, weights: Vectors, neighbours: Vectors, labels: NDArray[Any]) -> Vectors:
    """Multiply the probabilities of the regression with the topic shares among the nearest examples."""
    similarity = embeddings @ neighbours.T
    nearest = np.argpartition(similarity, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    votes = np.exp(np.take_along_axis(similarity, nearest, axis=1) * NEIGHBOUR_SHARPNESS)
    shares = (votes[..., None] * (labels[nearest][..., None] == np.arange(len(TOPICS)))).sum(axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    logits: Vectors = np.log(softmax(linear(embeddings, weights)) + 1e-9) + np.log(shares + NEIGHBOUR_SMOOTHING)
    return logits


def linear(vectors: Vectors, weights: Vectors) -> Vectors:
    """Apply weights whose last row is the intercept."""
    logits: Vectors = vectors @ weights[:-1] + weights[-1]
    return logits


def softmax(logits: Vectors) -> Vectors:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Vectors = odds / odds.sum(axis=1, keepdims=True)
    return probabilities
