"""The names of anonymous visitors."""

import pytest

from hummdesk.storage import visitors


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (None, "Visitor"),
        ("/", "Visitor"),
        ("", "Visitor"),
        ("boots", "Visitor"),
        ("/boots", "Visitor from /boots"),
        ("/boots?email=zoe@example.com#top", "Visitor from /boots"),
        ("/a\nb\u202e", "Visitor from /ab"),
        ("/" + "x" * 500, "Visitor from /" + "x" * (visitors.MAX_PAGE - 1)),
    ],
)
def test_name_of_visitor_has_the_path_of_the_page(page: str | None, name: str) -> None:
    assert visitors.name_on(page) == name
    assert visitors.is_unnamed(name)


def test_name_that_a_visitor_states_is_one() -> None:
    assert not visitors.is_unnamed("Zoe")
