"""Sentences of articles: what they say stays as it is, without the marks of Markdown."""

import pytest

from hummdesk.ai.embedded.article_text import MAX_HEADING, MAX_SENTENCES, sentences


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Painting costs €520. Names cost €40.", ["Painting costs €520.", "Names cost €40."]),
        (
            "Story time is on Fridays at 10:00. It takes half an hour.",
            ["Story time is on Fridays at 10:00.", "It takes half an hour."],
        ),
        ("Frames up to LS23-6199. Others not.", ["Frames up to LS23-6199.", "Others not."]),
        ("Seed - 1 website", ["Seed - 1 website"]),
        ("1. Open the account\n2) Close it\n- Wait\n* Done", ["Open the account", "Close it", "Wait", "Done"]),
        ("1. Open it\n\n- Wait\n\n2. Close it\n3. Done", ["Open it", "Wait", "Close it", "Done"]),
        ("1. Open it\n2. Close it\n\n1. Wait\n2. Done", ["Open it", "Close it", "Wait", "Done"]),
        ("Closed:\n2. May is a holiday. Sorry.", ["Closed:", "2. May is a holiday.", "Sorry."]),
        ("24. December: closed\n25. December: closed", ["24. December: closed", "25. December: closed"]),
        ("1. May is a holiday\n30. June is the last day", ["1. May is a holiday", "30. June is the last day"]),
        ("Call us at\n112. Always.", ["Call us at", "112. Always."]),
        ("- 20 °C is cold\n+ 49 30 1234\n+ Lamp\n* 3 rooms", ["- 20 °C is cold", "+ 49 30 1234", "Lamp", "3 rooms"]),
    ],
)
def test_marks_of_lists_vanish_and_other_numbers_and_signs_stay(body: str, expected: list[str]) -> None:
    assert [one.text for one in sentences(body)] == expected


def test_item_has_the_bullet_or_number_that_is_written() -> None:
    found = sentences("* 20 °C is the limit\n• Lamp\n+ Fan\n- Pump\n\n1) Open it\n2) Close it")
    assert [(one.mark, one.is_step, one.is_first_step) for one in found] == [
        ("*", False, False),
        ("•", False, False),
        ("+", False, False),
        ("-", False, False),
        ("1)", True, True),
        ("2)", True, False),
    ]


def test_article_of_thousands_of_lines_has_a_bounded_number_of_sentences() -> None:
    assert len(sentences("a\n" * 10_000)) == MAX_SENTENCES
    assert len(sentences("A sentence of many words, as they are written. " * 200)) == 200


def test_heading_of_a_whole_page_is_cut() -> None:
    (only,) = sentences(f"# {'Heading ' * 1000}\nIt leaves at nine.")
    assert len(only.heading) == MAX_HEADING
