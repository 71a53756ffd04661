"""The decision whether the AI answers a customer by itself. Pure: everything that it depends on is in the case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hummdesk.ai.protocol import Draft

MAX_FAILURES = 2
"""Failures after which people take over. A failure is a "no", or a customer who writes again without a "yes"."""

Reason = Literal["low_score", "anger", "second_failure", "asked"]
"""Why a conversation was handed over to people; `asked`: the customer asked for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A customer's message, and what the machine has answered in its conversation before."""

    thresholds: Mapping[str, float]
    """The least confidence by category that may be answered."""
    category: str | None
    sentiment: str | None
    answers: int = 0
    failures: int = 0
    verdict: str | None = None
    """The customer's, about the last answer."""
    is_handed_over: bool = False

    @property
    def failures_now(self) -> int:
        """With this message, which says that the last answer did not help, unless it was judged."""
        return self.failures + (self.answers > 0 and self.verdict is None)


@dataclass(frozen=True, slots=True)
class Decision:
    """To answer, to hand over for a reason, or neither: the conversation waits for people as any other."""

    is_answer: bool = False
    reason: Reason | None = None


WAIT = Decision()


def decide(case: Case, draft: Draft) -> Decision:
    """Answer only from cited articles above the category's threshold; hand over what the machine has begun."""
    if case.is_handed_over:
        return WAIT
    reason = _reason(case, draft)
    if reason is None:
        return Decision(is_answer=True)
    return Decision(reason=reason) if case.answers else WAIT


def _reason(case: Case, draft: Draft) -> Reason | None:
    """Why people answer; None if the machine does."""
    if case.sentiment == "negative":
        return "anger"
    if case.failures_now >= MAX_FAILURES:
        return "second_failure"
    threshold = case.thresholds.get(case.category or "")
    is_cited = bool(draft.citations) and all(one.kind == "article" for one in draft.citations)
    if threshold is None or draft.content is None or draft.confidence < threshold or not is_cited:
        return "low_score"
    if draft.is_contradicted:
        return "low_score"
    return None
