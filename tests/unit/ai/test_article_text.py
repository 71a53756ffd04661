"""Sentences of articles: what they say stays as it is, without the marks of Markdown."""

import pytest

from hummdesk.ai.embedded.article_text import sentences


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
    ],
)
def test_numbers_and_dashes_within_a_line_stay_and_marks_of_lists_vanish(body: str, expected: list[str]) -> None:
    assert [one.text for one in sentences(body)] == expected
