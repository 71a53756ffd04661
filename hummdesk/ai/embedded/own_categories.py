"""Classifier of the categories and teams that an account has described itself, learned from their examples at once.

Kernel ridge regression on the embeddings of the examples, and of each name with its description as one more example.
Constants are fitted to the development part of `training/evaluation/taxonomies`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hummdesk.ai.embedded.classifiers import softmax
from hummdesk.ai.embedded.embedding import embed
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.protocol import Team
from hummdesk.ai.text import plain
from hummdesk.core.categories import Described, Description

SHARPNESS = 2.0
"""As `classifiers.SCOPE_SHARPNESS`, in the kernel of embeddings."""
RIDGE = 1.0
SCALE = 25.0
"""Factor from scores to logits."""
FAMILIAR = 0.22
"""Similarity to the nearest example at which a text is as probably like none as like one of them."""
FAMILIAR_WIDTH = 0.02
"""Change of the similarity that changes these odds by a factor of e."""
TEAM_PROBABILITY = 0.5
"""Least probability of a team that is suggested."""
TEAM_SIMILARITY, PARTIAL_SIMILARITY = 0.3, 0.4
"""Least similarity to one of its texts; the second one if another team has none: the message may be for that one."""
CACHED = 200
"""Fitted classifiers that a process caches, of categories and of teams: at most a third of a megabyte each."""


@dataclass(frozen=True, slots=True)
class FittedCategories:
    vectors: Vectors
    """A row of length 1 for each example."""
    weights: Vectors
    """A row for each example, a column for each category."""

    def probabilities(self, embedded: Vectors) -> Vectors:
        """Return one row per embedding, in the order of the categories; the less familiar a text, the less in sum."""
        similarities = embedded @ self.vectors.T
        scores = np.exp(SHARPNESS * (similarities - 1)) @ self.weights
        familiar = 1 / (1 + np.exp((FAMILIAR - similarities.max(axis=1, keepdims=True)) / FAMILIAR_WIDTH))
        probabilities: Vectors = softmax(scores * SCALE) * familiar
        return probabilities


@lru_cache(maxsize=CACHED)
def fit(described: tuple[Described, ...]) -> FittedCategories:
    """Fit to the examples; the same categories or teams are fitted once. Takes about 1 ms per example."""
    texts = [[f"{one.name}. {one.description}", *one.examples] for one in described]
    vectors = embed([plain(text) for of_category in texts for text in of_category])
    labels = np.repeat(np.arange(len(described)), [len(of_category) for of_category in texts])
    return FittedCategories(vectors, _weights(vectors, np.eye(len(described))[labels] - 1 / len(described)))


def team_like(embedded: Vectors, teams: Sequence[Team]) -> Team | None:
    """Return the team to whose description and examples a message is similar enough."""
    described = [one for one in teams if one.description or one.examples]
    if not described:
        return None
    fitted = fit(tuple(Description(one.name, one.description, one.examples) for one in described))
    probabilities = fitted.probabilities(embedded)[0]
    best = int(probabilities.argmax())
    least = TEAM_SIMILARITY if len(described) == len(teams) else PARTIAL_SIMILARITY
    is_near = float((embedded @ fitted.vectors.T).max()) >= least
    return described[best] if is_near and probabilities[best] >= TEAM_PROBABILITY else None


def _weights(vectors: Vectors, targets: Vectors) -> Vectors:
    kernel = np.exp(SHARPNESS * (vectors @ vectors.T - 1)).astype(np.float64)
    kernel[np.diag_indices(len(kernel))] += RIDGE
    weights: Vectors = np.linalg.solve(kernel, targets).astype(np.float32)
    return weights
