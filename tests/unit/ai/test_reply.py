"""Composition of drafts."""

import pytest

from hummdesk.ai.reply import MAX_EXCERPT, compose, excerpt, fill


@pytest.mark.parametrize(
    ("answer", "name", "expected"),
    [
        ("Dear {{customer_name}},", "Maya Thornton", "Dear Maya Thornton,"),
        ("Hi { first name },", "Maya Thornton", "Hi Maya,"),
        ("Order {order_number} left on {date}.", "Maya", "Order [order number] left on [date]."),
        ("Dear {contact.name},", None, "Dear [contact name],"),
        ("{not json: 1} {}", "Maya", "{not json: 1} {}"),
    ],
)
def test_fill_replaces_slots_by_values_or_gaps(answer: str, name: str | None, expected: str) -> None:
    assert fill(answer, customer_name=name) == expected


def test_excerpt_of_short_body_is_the_body() -> None:
    assert excerpt("Short.", "What?") == "Short."


def test_excerpt_of_long_body_has_the_relevant_sentences_in_order() -> None:
    filler = " ".join(f"Sentence {number} is about May." for number in range(60))
    text = excerpt(f"{filler} Express costs seven pounds. {filler}", "What does express cost?")
    assert "Express costs seven pounds." in text
    assert len(text) <= MAX_EXCERPT


def test_compose_in_unknown_language_falls_back_to_english() -> None:
    assert compose("Ja.", customer_name="Maya", tone="friendly", language="nl").startswith("Hi Maya,\n\n")
