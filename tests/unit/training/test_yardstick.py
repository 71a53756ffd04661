"""The yardstick: its texts are whole, and its measures count what they say."""

import pytest

from hummdesk.ai.protocol import Citation, Draft
from training.evaluation import yardstick
from training.evaluation.yardstick import Answer, DraftQuality, Part, Question, Share

CATEGORIES = {
    "account_access",
    "appointments",
    "billing",
    "complaint_feedback",
    "fraud_security",
    "general",
    "how_to",
    "order_shipping",
    "privacy_legal",
    "refund_cancellation",
    "sales",
    "technical",
}
LANGUAGES = {"en", "ar", "de", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"}
KINDS = {
    "adversarial": 4,
    "direct": 14,
    "far": 6,
    "follow_up": 8,
    "near": 8,
    "negated": 4,
    "other_language": 8,
    "paraphrase": 14,
    "two_in_one": 8,
    "verbatim": 6,
}


NEW_MATTERS = {"new_matter": 4, "new_matter_near": 4}
"""Kinds of the development part only."""
UNANSWERABLE = ("near", "far", "adversarial", "new_matter_near")


@pytest.mark.parametrize("part", ["development", "final"])
def test_letters_are_labelled_and_none_is_twice_in_them(part: Part) -> None:
    letters = yardstick.load_letters(part)
    assert len(letters) == 300
    assert len({one.text for one in letters}) == 300
    assert {one.category for one in letters} == CATEGORIES
    assert {one.language for one in letters} == LANGUAGES
    assert {one.priority for one in letters} == {"low", "medium", "high", "urgent"}
    assert {one.sentiment for one in letters} == {"negative", "neutral", "positive"}


@pytest.mark.parametrize("part", ["development", "final"])
def test_questions_name_articles_in_which_their_facts_stand(part: Part) -> None:
    companies = yardstick.load_companies(part)
    assert len(companies) == 3
    for company in companies:
        bodies = {one.id: f"{one.title} {one.body}".casefold() for one in company.articles}
        for question in company.questions:
            texts = [bodies[source] for source in question.sources]
            for spellings in question.facts:
                assert any(one.casefold() in text for one in spellings for text in texts), (question, spellings)


@pytest.mark.parametrize("part", ["development", "final"])
def test_companies_have_questions_of_each_kind(part: Part) -> None:
    expected = KINDS | NEW_MATTERS if part == "development" else KINDS
    for company in yardstick.load_companies(part):
        kinds = [one.kind for one in company.questions]
        assert {kind: kinds.count(kind) for kind in kinds} == expected
        with_history = ("follow_up", *NEW_MATTERS)
        assert all(bool(one.history) == (one.kind in with_history) for one in company.questions)
        assert all(bool(one.sources) == (one.kind not in UNANSWERABLE) for one in company.questions)
        assert 2 * len(company.with_samples) in (
            len(company.articles) - 1,
            len(company.articles),
            len(company.articles) + 1,
        )


def test_interval_holds_the_share_and_narrows_with_trials() -> None:
    few, many = Share(8, 10), Share(800, 1000)
    assert few.interval == pytest.approx((0.490, 0.943), abs=0.001)
    assert many.interval == pytest.approx((0.774, 0.824), abs=0.001)
    assert Share(0, 10).interval[0] == 0.0
    assert Share(10, 10).interval[1] == pytest.approx(1.0)


def answer(content: str | None, *cited: str) -> Answer:
    question = Question(kind="two_in_one", text="?", sources=frozenset({"a", "b"}), facts=(("30 days", "a month"),))
    citations = tuple(Citation(kind="article", title=one, id=one) for one in cited)
    draft = Draft(content=content, confidence=0.9, reasoning="", citations=citations)
    return Answer(question, draft, has_samples=True)


def test_draft_has_the_right_source_if_it_cites_each_needed_one_and_a_needed_one_first() -> None:
    assert answer("x", "a", "b").has_right_source
    assert answer("x", "b", "a", "c").has_right_source
    assert not answer("x", "c", "a", "b").has_right_source
    assert not answer("x", "a").has_right_source
    assert not answer(None).has_right_source


def test_draft_has_a_fact_in_any_of_its_spellings() -> None:
    assert answer("Within 30\nDays of", "a", "b").has_every_fact
    assert answer("within a month", "a", "b").has_every_fact
    assert not answer("within 130 days", "a", "b").has_every_fact


def test_mean_length_counts_drafts_only() -> None:
    assert DraftQuality([answer("one two three", "a"), answer(None)]).mean_words == 3
