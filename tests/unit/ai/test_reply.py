"""Composition of drafts."""

import pytest

from hummdesk.ai.embedded.language import detect
from hummdesk.ai.reply import PHRASES, compose, fill, language_notice


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


def test_compose_in_unknown_language_falls_back_to_english() -> None:
    assert compose("Ja.", customer_name="Maya", tone="friendly", language="nl").startswith("Hi Maya,\n\n")


def test_compose_without_a_name_is_the_answer() -> None:
    assert compose("Yes.", customer_name="12345", tone="friendly", language="en") == "Yes."


@pytest.mark.parametrize(
    ("spoken", "answers", "has_notice"),
    [
        ("de", ["en"], True),
        ("en", ["de"], True),
        ("de", ["en", "fr"], True),
        ("de", ["de"], False),
        ("de", ["en", "de"], False),
        ("de", ["und"], False),
        ("de", ["en", "und"], False),
        ("und", ["en"], False),
        ("fi", ["en"], False),
    ],
)
def test_language_notice_is_for_customers_of_a_known_other_language(
    spoken: str, answers: list[str], has_notice: bool
) -> None:
    assert (language_notice(spoken, answers=answers) is not None) == has_notice


def test_language_notices_are_written_in_their_language() -> None:
    notices = PHRASES["other_language"]
    assert {key: detect(notice) for key, notice in notices.items()} == {key: key for key in notices}
