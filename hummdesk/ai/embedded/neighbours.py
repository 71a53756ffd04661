"""Corrections by agents as weighted neighbours: the more similar the corrected message is, the more they count.

Constants are fitted to the development part of `training/evaluation/corrections`: a paraphrase follows the correction,
another matter in the same words mostly does not.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.protocol import Correction, Priority

HALF = 0.62
"""Similarity at which a correction counts as much as the classifier."""
WIDTH = 0.05
"""Change of the similarity that changes the odds by a factor of e."""

Label = TypeVar("Label", bound=str)


def corrected_category(
    keys: Sequence[str], probabilities: Vectors, corrections: Sequence[Correction]
) -> tuple[str, float]:
    """Return the most probable of the keys, of which the probabilities are given, and its probability."""
    mixed = dict(zip(keys, probabilities.tolist(), strict=True))
    voted = [(one.category, one.similarity) for one in corrections if one.category in mixed]
    votes, share = _votes(voted)
    mixed = {key: (1 - share) * probability + share * votes.get(key, 0.0) for key, probability in mixed.items()}
    best = max(mixed, key=lambda key: mixed[key])
    return best, mixed[best]


def corrected_priority(corrections: Sequence[Correction]) -> tuple[Priority, float] | None:
    """Return the priority that similar corrections agree on, and its confidence; None if none is similar enough."""
    voted = [(one.priority, one.similarity) for one in corrections if one.priority and one.similarity >= HALF]
    votes, share = _votes(voted)
    best = max(votes, key=lambda priority: votes[priority], default=None)
    return None if best is None else (best, share * votes[best])


def odds(similarity: float) -> float:
    """Return the weight of a correction relative to the classifier."""
    return math.exp((similarity - HALF) / WIDTH)


def _votes(voted: Sequence[tuple[Label, float]]) -> tuple[dict[Label, float], float]:
    """Return the share of each label among the corrections, and theirs beside the classifier."""
    sums: dict[Label, float] = {}
    alone = 1.0
    for label, similarity in voted:
        weight = odds(similarity)
        sums[label] = sums.get(label, 0.0) + weight
        alone /= 1 + weight
    total = sum(sums.values())
    return {label: weight / total for label, weight in sums.items()}, 1 - alone
