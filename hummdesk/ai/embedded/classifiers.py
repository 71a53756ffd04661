"""What the fitted heads say of an encoded text: the probabilities of its topic, sentiment and priority."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from hummdesk.ai.embedded.embedding import unit
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.protocol import Category, Priority, Sentiment

CATEGORIES: tuple[Category, ...] = (
    "account_access",
    "billing",
    "refund_cancellation",
    "order_shipping",
    "technical",
    "sales",
    "complaint_feedback",
    "general",
)
TOPICS = (*CATEGORIES, "out")
"""The categories, and what is no matter for a help desk."""
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high", "urgent")

NEIGHBOURS = 10
SHARPNESS = 10.0
"""How much more a neighbour counts the nearer it is: e times for a tenth of likeness."""
DOUBT = 0.02
"""What the neighbours leave to a topic that none of them has."""

SCOPE_LEVELS = 127
"""How finely `scope_examples` are stored."""
SCOPE_SHARPNESS = 3.0
"""The same as SHARPNESS, among the examples of what a help desk is asked and of what it is not."""


def topic(vectors: Vectors) -> Vectors:
    """A row of probabilities for each vector of `embed`, in the order of TOPICS."""
    known = load_weights()
    logits = blend(vectors, known["topic"], known["neighbours"], known["neighbour_labels"])
    return softmax(logits / known["topic_temperature"])


def scope(encoded: Vectors) -> Vectors:
    """The probability of each text that it is a matter for a help desk."""
    known = load_weights()
    seen = scope_seen(encoded, known["mean"], known["scope_directions"])
    examples = known["scope_examples"].astype(np.float32) / SCOPE_LEVELS
    steepness, constant = known["scope_odds"]
    found: Vectors = 1 / (1 + np.exp(-steepness * (scope_kernel(seen, examples) @ known["scope_weights"]) - constant))
    return found


def scope_seen(encoded: Vectors, mean: Vectors, directions: Vectors) -> Vectors:
    return unit(feeling(encoded, mean) @ directions)


def scope_kernel(vectors: Vectors, others: Vectors) -> Vectors:
    found: Vectors = np.exp(SCOPE_SHARPNESS * (vectors @ others.T - 1))
    return found


def priority(vectors: Vectors) -> Vectors:
    """In the order of PRIORITIES."""
    return softmax(_linear(vectors, load_weights()["urgency"]))


def sentiment(encoded: Vectors, texts: Sequence[str], english: Sequence[bool]) -> Vectors:
    """In the order of SENTIMENTS, of texts as `encode` has read them."""
    felt = feeling(encoded, load_weights()["mean"])
    found = softmax(_linear(felt, load_weights()["sentiment"]))
    if rows := [row for row, is_english in enumerate(english) if is_english]:
        valued = np.hstack([felt[rows], valences([texts[row] for row in rows])])
        found[rows] = softmax(_linear(valued, load_weights()["sentiment_english"]))
    return found


def feeling(encoded: Vectors, mean: Vectors) -> Vectors:
    """Not projected: how a thing is said is what the projection leaves out."""
    return unit(encoded - mean)


def valences(texts: Sequence[str]) -> Vectors:
    """What VADER's lexicon says of English texts: how negative, how positive, both in one."""
    scores = [_vader().polarity_scores(text) for text in texts]
    return np.array([[one["neg"], one["pos"], one["compound"]] for one in scores], dtype=np.float32)


def blend(vectors: Vectors, weights: Vectors, neighbours: Vectors, labels: NDArray[Any]) -> Vectors:
    """Logits of the topic: of the regression and of the nearest examples, multiplied."""
    likeness = vectors @ neighbours.T
    nearest = np.argpartition(likeness, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    votes = np.exp(np.take_along_axis(likeness, nearest, axis=1) * SHARPNESS)
    shares = (votes[..., None] * (labels[nearest][..., None] == np.arange(len(TOPICS)))).sum(axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    blended: Vectors = np.log(softmax(_linear(vectors, weights)) + 1e-9) + np.log(shares + DOUBT)
    return blended


def softmax(logits: Vectors) -> Vectors:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Vectors = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _linear(vectors: Vectors, weights: Vectors) -> Vectors:
    logits: Vectors = vectors @ weights[:-1] + weights[-1]
    return logits


@cache
def _vader() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
