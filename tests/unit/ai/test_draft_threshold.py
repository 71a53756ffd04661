"""Drafts below the minimum confidence of an account."""

import pytest

from hummdesk.ai.protocol import Citation, Draft

DRAFT = Draft(
    content="Within 30 days.",
    confidence=0.6,
    reasoning="Answered from “Returns”",
    citations=(Citation(kind="article", title="Returns", id="7"),),
    suggested_actions=("Check the order",),
)


@pytest.mark.parametrize("minimum", [None, 0.0, 0.6])
def test_draft_of_minimum_confidence_is_unchanged(minimum: float | None) -> None:
    assert DRAFT.above(minimum) is DRAFT


def test_draft_below_minimum_confidence_becomes_abstention() -> None:
    found = DRAFT.above(0.61)
    assert (found.outcome, found.content, found.confidence) == ("abstained", None, 0.6)
    assert found.reasoning == "The confidence of 0.6 is below the account's minimum of 0.61"
    assert (found.citations, found.sources, found.suggested_actions) == ((), (), ())


def test_abstention_of_provider_keeps_its_reason() -> None:
    abstained = Draft(content=None, confidence=0.1, reasoning="Too far")
    assert abstained.above(0.5) is abstained
