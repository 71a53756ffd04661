"""When the AI answers by itself, hands over, or leaves a message to people."""

from dataclasses import replace

import pytest

from hummdesk.ai.automatic import WAIT, Case, Decision, decide
from hummdesk.ai.protocol import Citation, Draft

ARTICLE = Citation(kind="article", title="Returns", id="1")
DRAFT = Draft(content="You have 14 days.", confidence=0.9, reasoning="", citations=(ARTICLE,))
CASE = Case(thresholds={"billing": 0.9}, category="billing", sentiment="neutral")
PAST = Citation(kind="past_answer", title="Question", id="2")


def test_draft_from_articles_at_the_threshold_is_sent() -> None:
    assert decide(CASE, DRAFT) == Decision(is_answer=True)


@pytest.mark.parametrize(
    "draft",
    [
        replace(DRAFT, content=None),
        replace(DRAFT, confidence=0.89),
        replace(DRAFT, citations=()),
        replace(DRAFT, citations=(ARTICLE, PAST)),
    ],
)
def test_draft_that_is_not_good_enough_is_left_to_people_and_hands_over_what_was_begun(draft: Draft) -> None:
    assert decide(CASE, draft) == WAIT
    assert decide(replace(CASE, answers=1, verdict="yes"), draft) == Decision(reason="low_score")


def test_draft_that_an_article_contradicts_is_left_to_people() -> None:
    assert decide(CASE, replace(DRAFT, is_contradicted=True)) == WAIT


@pytest.mark.parametrize("category", ["sales", None, ""])
def test_category_without_threshold_is_not_answered(category: str | None) -> None:
    assert decide(replace(CASE, category=category), DRAFT) == WAIT


def test_anger_is_handed_over_before_anything_else() -> None:
    angry = replace(CASE, sentiment="negative")
    assert decide(angry, DRAFT) == WAIT
    assert decide(replace(angry, answers=1), DRAFT) == Decision(reason="anger")


def test_second_message_without_a_yes_is_handed_over() -> None:
    first = replace(CASE, answers=1)
    assert decide(first, DRAFT) == Decision(is_answer=True)
    assert first.failures_now == 1
    second = replace(CASE, answers=2, failures=first.failures_now)
    assert decide(second, DRAFT) == Decision(reason="second_failure")
    assert decide(replace(second, verdict="yes"), DRAFT) == Decision(is_answer=True)


def test_no_and_the_message_after_it_are_one_failure() -> None:
    assert replace(CASE, answers=1, failures=1, verdict="no").failures_now == 1


def test_conversation_that_was_handed_over_is_left_to_people() -> None:
    assert decide(replace(CASE, answers=1, is_handed_over=True), DRAFT) == WAIT
