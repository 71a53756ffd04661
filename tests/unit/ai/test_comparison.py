"""What a comparison of a draft with a reply counts."""

import time

import pytest

from hummdesk.ai.comparison import MAX_WORDS, compare, facts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 km", "1.000 km"),
        ("12,50 €", "€12.5"),
        ("EUR 12.50", "12,50 EUR"),
        ("on 03.05.2026", "on 2026-05-03"),
        ("03/05/26", "3.5.2026"),
        ("15 %", "15%"),
        ("https://www.example.com/a/", "example.com/a at http://example.com/a."),
        ("Mail ADA@example.com!", "ada@example.com"),
    ],
)
def test_facts_of_the_same_meaning_are_equal(one: str, other: str) -> None:
    assert facts(one)
    assert facts(one) <= facts(other)


@pytest.mark.parametrize(("one", "other"), [("14 days", "15 days"), ("€5", "$5"), ("15 %", "15"), ("1.5", "15")])
def test_different_facts_are_not_equal(one: str, other: str) -> None:
    assert not facts(one) & facts(other)


def test_text_without_facts_has_none() -> None:
    assert facts("We are sorry about the delay. It takes two weeks.") == frozenset()


def test_draft_with_the_words_of_the_reply_keeps_everything() -> None:
    same = compare("You have 14 days.", "You have 14 days!", "How long?")
    assert (same.facts, same.kept_facts, same.other_facts, same.edit_distance) == (1, 1, 0, 0.0)


def test_missing_and_additional_facts_are_counted_and_those_of_the_question_are_not_additional() -> None:
    found = compare("Order 4711 costs 20 EUR.", "It arrives in 3 days and costs 25 EUR.", "Where is order 4711?")
    assert (found.facts, found.kept_facts, found.other_facts) == (2, 0, 1)
    assert 0 < found.edit_distance <= 1
    assert (found.draft_words, found.reply_words) == (5, 9)


def test_html_and_quoted_mail_of_a_reply_are_left_out() -> None:
    reply = "<p>You have <b>14</b> days.</p><blockquote>Order 99</blockquote>"
    assert compare("You have 14 days.", reply, "").edit_distance == 0.0


def test_long_texts_are_compared_by_their_beginnings() -> None:
    words = "word " * (MAX_WORDS * 2)
    assert compare(words, words, "").edit_distance == 0.0
    assert compare("", "", "").edit_distance == 0.0


@pytest.mark.parametrize("text", ["a" * 50_000, "7" * 50_000])
def test_facts_of_a_long_text_without_spaces_take_time_that_grows_with_its_length(text: str) -> None:
    started = time.process_time()
    facts(text)
    assert time.process_time() - started < 1
