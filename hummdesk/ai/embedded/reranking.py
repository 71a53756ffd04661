"""Reranking: the probabilities of the first sources, with the scores of the cross-encoder as further evidence.

A source's log odds by retrieval, the score of its chunk and the score's margin over the others' are added up. The
weights come from a fit by `training/cross_encoder.py` to scores of companies that the scoring model was not fitted to.
"""

import math
from collections.abc import Iterable, Sequence

from hummdesk.ai.embedded.cross_encoder import load_cross_encoder
from hummdesk.ai.embedded.retrieval import PRECEDING_TURNS
from hummdesk.ai.protocol import Turn
from hummdesk.ai.text import plain

CANDIDATES = 2
"""Sources that are judged. With three, the same share of questions is answered rightly."""
LEAST, MOST = 0.1, 0.9
"""Probability by retrieval of the best one, below and above which they are not: it would change few drafts."""
WEIGHTS = (0.765, 0.199, 0.937)
"""Of the score and of its margin, and the intercept, which is 0.6 lower than fitted: a wrong draft costs more than
none.
"""
LONE_SCORE = -4.0
"""Score assumed for the others of a source that is alone."""
LEAST_ODDS = 1e-4


def is_doubtful(probabilities: Iterable[float]) -> bool:
    return LEAST <= max(probabilities) <= MOST


def rerank(question: str, history: Sequence[Turn], candidates: Sequence[tuple[float, str]]) -> list[float]:
    """Return the probability of each candidate, of which that by retrieval and the chunk are given."""
    scores = load_cross_encoder().scores(question, history_text(history), [chunk for _, chunk in candidates])
    return probabilities([probability for probability, _ in candidates], scores, WEIGHTS)


def history_text(history: Sequence[Turn]) -> str:
    return " ".join(plain(turn.content) for turn in history[-PRECEDING_TURNS:])


def probabilities(by_retrieval: Sequence[float], scores: Sequence[float], weights: Sequence[float]) -> list[float]:
    added = [sum(w * e for w, e in zip(weights, (*evidence(scores, n), 1.0), strict=True)) for n in range(len(scores))]
    return [1 / (1 + math.exp(-(log_odds(one) + more))) for one, more in zip(by_retrieval, added, strict=True)]


def evidence(scores: Sequence[float], number: int) -> tuple[float, float]:
    """Return the score of a source and its margin over the best of the others."""
    others = [score for other, score in enumerate(scores) if other != number]
    return scores[number], scores[number] - max(others, default=LONE_SCORE)


def log_odds(probability: float) -> float:
    kept = min(max(probability, LEAST_ODDS), 1 - LEAST_ODDS)
    return math.log(kept / (1 - kept))
