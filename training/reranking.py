"""Questions of the invented companies with the sources that retrieval ranks first, and the fit of the reranking."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.embedded import reranking
from hummdesk.ai.embedded.analysis import extract_features
from hummdesk.ai.embedded.cross_encoder import CrossEncoder
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.source_ranking import RankedSource, rank_by_retrieval
from hummdesk.ai.protocol import Article, Knowledge
from hummdesk.ai.text import plain
from training.corpus import CustomerQuestion

CANDIDATES = 8
"""Sources of a question that the cross-encoder is fitted to."""
PENALTY, STEPS = 0.3, 30
"""Of the squared weights of the reranking, and of Newton's method."""
SHARES = (0.05, 0.1, 0.2)
"""Of the questions without an answer, for which a draft is made."""
UNANSWERABLE = frozenset({"near", "far", "adversarial", "drift_near"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    passage: tuple[Vectors, ...]
    """States of its chunk before each joint layer."""
    is_right: bool
    probability: float
    """By retrieval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    company: str
    kind: str
    question: Vectors
    candidates: tuple[Candidate, ...]


class Examples:
    """Builds examples; the states of a chunk are computed once."""

    def __init__(self, encoder: CrossEncoder) -> None:
        self._encoder = encoder
        self._passages: dict[str, tuple[Vectors, ...]] = {}

    def of(self, company: str, articles: Sequence[Article], questions: Sequence[CustomerQuestion]) -> list[Example]:
        knowledge = Knowledge(articles=tuple(articles))
        return [
            Example(
                company=company,
                kind=one.kind,
                question=self._encoder.question_states(plain(one.text), reranking.history_text(one.history)),
                candidates=tuple(self._candidate(ranked, one.sources) for ranked in self._ranked(one, knowledge)),
            )
            for one in questions
        ]

    def _ranked(self, question: CustomerQuestion, knowledge: Knowledge) -> list[RankedSource]:
        (message,) = extract_features([plain(question.text)])
        return rank_by_retrieval(message, knowledge, question.history)[:CANDIDATES]

    def _candidate(self, ranked: RankedSource, right: frozenset[str]) -> Candidate:
        chunk = ranked.nearest_chunk
        if chunk not in self._passages:
            self._passages[chunk] = tuple(map(_half, *self._encoder.passage_states([chunk])))
        return Candidate(
            passage=self._passages[chunk],
            is_right=ranked.source.citation.id in right,
            probability=ranked.probability,
        )


def _half(states: Vectors) -> Vectors:
    return states.astype(np.float16)


def fit_reranking(examples: Sequence[Example], scored: Sequence[Sequence[float]]) -> Vectors:
    """Return the weights of `reranking.evidence` and the intercept, beside retrieval's log odds with weight 1."""
    evidence, offsets, labels = [], [], []
    for one, own in zip(examples, scored, strict=True):
        for number, candidate in enumerate(one.candidates[: reranking.CANDIDATES]):
            evidence.append([*reranking.evidence(own, number), 1.0])
            offsets.append(reranking.log_odds(candidate.probability))
            labels.append(candidate.is_right)
    rows, targets = np.array(evidence), np.array(labels, dtype=float)
    weights: Vectors = np.zeros(rows.shape[1])
    penalty = np.diag([PENALTY] * (rows.shape[1] - 1) + [0.0])
    for _ in range(STEPS):
        expected = 1 / (1 + np.exp(-(rows @ weights + offsets)))
        gradient = rows.T @ (expected - targets) + penalty @ weights
        hessian = (rows * (expected * (1 - expected))[:, None]).T @ rows + penalty
        weights = weights - np.linalg.solve(hessian, gradient)
    return weights


def report(examples: Sequence[Example], scored: Sequence[Sequence[float]]) -> Iterator[str]:
    """Describe what is drafted with weights of other companies, without and with the cross-encoder."""
    pairs = list(zip(examples, scored, strict=True))
    companies = sorted({one.company for one in examples})
    weights = {
        company: fit_reranking(*zip(*(pair for pair in pairs if pair[0].company != company), strict=True)).tolist()
        for company in companies
    }
    before = [(one, [candidate.probability for candidate in one.candidates[:1]]) for one in examples]
    after = [
        (one, reranking.probabilities([c.probability for c in one.candidates[: len(own)]], own, weights[one.company]))
        for one, own in pairs
    ]
    for name, found in (("without", before), ("with", after)):
        best = [(one, max(range(len(own)), key=own.__getitem__), max(own)) for one, own in found]
        none = sorted((value for one, _, value in best if one.kind in UNANSWERABLE), reverse=True)
        answerable = [(one.candidates[n].is_right, value) for one, n, value in best if one.kind not in UNANSWERABLE]
        for share in SHARES:
            least = none[math.floor(share * len(none))]
            right, wrong = (sum(ok is is_right and p > least for ok, p in answerable) for is_right in (True, False))
            yield f"{name:<7} at {share:.0%} of {len(none)}: {right} right and {wrong} wrong of {len(answerable)}"
    yield from _reliability(after)


def _reliability(found: Sequence[tuple[Example, Sequence[float]]]) -> Iterator[str]:
    """Describe by tenths how probable the first source is said to be, and how often it is right."""
    tenths: dict[int, list[tuple[float, bool]]] = {}
    for one, own in found:
        first = max(range(len(own)), key=own.__getitem__)
        tenths.setdefault(min(9, int(own[first] * 10)), []).append((own[first], one.candidates[first].is_right))
    for tenth in sorted(tenths):
        said, right = np.mean(tenths[tenth], axis=0)
        yield f"{tenth / 10:.1f}: {len(tenths[tenth])} sources, said {said:.2f}, right {right:.2f}"
