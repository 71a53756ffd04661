"""Topics of questions: groups of questions that mean nearly the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.embedded.embedding import embed
from hummdesk.ai.text import plain

SIMILARITY = 0.6
"""Least similarity of a question to the middle one of its topic: about that of paraphrases."""
MAX_QUESTIONS = 500
"""Questions that are grouped: the time and memory grow with their square."""
MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Topic:
    size: int
    examples: tuple[int, ...]
    """Positions of questions, that with the most similar ones first."""


def topics(questions: Sequence[str]) -> list[Topic]:
    """Group at most MAX_QUESTIONS questions, the largest topic first; each question belongs to one topic.

    The question with the most similar ones among those that are left makes a topic with them.
    """
    texts = [plain(text) for text in questions[:MAX_QUESTIONS]]
    if not texts:
        return []
    vectors = embed(texts)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, 1.0)
    is_near = similar >= SIMILARITY
    is_left = np.ones(len(texts), dtype=bool)
    found: list[Topic] = []
    while is_left.any():
        middle = int(np.argmax((is_near & is_left).sum(axis=1) * is_left))
        members = np.flatnonzero(is_near[middle] & is_left)
        is_left[members] = False
        nearest = members[np.argsort(-similar[middle, members], kind="stable")]
        found.append(Topic(len(members), tuple(map(int, nearest[:MAX_EXAMPLES]))))
    return found
