"""Fitting of the projection from encoder vectors to embeddings.

1. Whitening: the covariance of one wish in many phrasings shows the directions in which vectors differ although the
   meaning is the same; dividing by it gives these less weight (Hatch and others, Within-class covariance normalization,
   2006).
2. Rotation to the main directions, which drops the others.
3. Contrastive learning: questions about one article are drawn together and away from those about other articles of the
   same company (InfoNCE; van den Oord and others, 2018). Few steps: more do not help companies outside the examples.
"""

from collections.abc import Sequence

import numpy as np

from hummdesk.ai.embedded.embedding import DIMENSIONS
from hummdesk.ai.embedded.encoder import WIDTH, Vectors, encode
from training.corpus import load_examples

SMOOTHING = 3.0
"""Added to the covariance of phrasing, times its mean variance: larger means weaker whitening."""

CONTRASTIVE_STEPS, LEARNING_RATE, CONTRAST = 20, 0.001, 10.0


def fit_projection(centred: Vectors, companies: Sequence[Sequence[Vectors]]) -> Vectors:
    """Fit to the centred vectors of messages, and to those of each article of each company."""
    return _contrasted(_whitened(centred), companies)


def main_directions(vectors: Vectors, number: int) -> Vectors:
    """Return the eigenvectors with the largest eigenvalues as columns."""
    main = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)[1][:, ::-1][:, :number]
    # An eigenvector has two signs; a fixed choice makes the result reproducible.
    signed: Vectors = main * np.sign(main[np.abs(main).argmax(axis=0), np.arange(number)])
    return signed


def _whitened(centred: Vectors) -> Vectors:
    phrasings = load_examples("phrasings")
    frames = [one.text for one in phrasings if one.label == "frame"]
    wishes = [one.text for one in phrasings if one.label == "wish"]
    texts = [frame.format(wish) for wish in wishes for frame in frames]
    encoded = encode(texts).reshape(len(wishes), len(frames), WIDTH)
    differences = (encoded - encoded.mean(axis=1, keepdims=True)).reshape(-1, WIDTH).astype(np.float64)
    covariance = differences.T @ differences / len(differences)
    values, directions = np.linalg.eigh(covariance + SMOOTHING * np.trace(covariance) / WIDTH * np.eye(WIDTH))
    whitening: Vectors = directions @ np.diag(values**-0.5) @ directions.T
    projection: Vectors = whitening @ main_directions(centred @ whitening, DIMENSIONS)
    return projection


def _contrasted(projection: Vectors, companies: Sequence[Sequence[Vectors]]) -> Vectors:
    """Optimize by Adam (Kingma and Ba, 2015)."""
    texts = sum(len(article) for articles in companies for article in articles)
    projection = projection / np.linalg.norm(projection, axis=0).mean()
    momentum = variance = np.zeros_like(projection)
    for step in range(1, CONTRASTIVE_STEPS + 1):
        gradient = np.sum([_gradient(projection, articles) for articles in companies], axis=0) / texts
        momentum, variance = 0.9 * momentum + 0.1 * gradient, 0.99 * variance + 0.01 * gradient**2
        update = (momentum / (1 - 0.9**step)) / (np.sqrt(variance / (1 - 0.99**step)) + 1e-8)
        projection = projection - LEARNING_RATE * update
    rounded: Vectors = (projection / np.abs(projection).max()).astype(np.float16).astype(np.float32)
    return rounded


def _gradient(projection: Vectors, articles: Sequence[Vectors]) -> Vectors:
    """Return the gradient of the InfoNCE loss over the texts of one company."""
    texts = np.vstack(articles)
    owners = np.repeat(np.arange(len(articles)), [len(one) for one in articles])
    projected = texts @ projection
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    units = projected / lengths
    near = np.exp(CONTRAST * (units @ units.T - 1)) * (1 - np.eye(len(texts)))
    same_article = near * (owners[:, None] == owners)
    pull = CONTRAST * (near / near.sum(axis=1, keepdims=True) - same_article / same_article.sum(axis=1, keepdims=True))
    moved = (pull + pull.T) @ units
    gradient: Vectors = texts.T @ ((moved - units * (moved * units).sum(axis=1, keepdims=True)) / lengths)
    return gradient
