"""The text of a search: words, phrases and filters."""

from datetime import UTC, datetime

import pytest

from hummdesk.core.errors import Invalid
from hummdesk.storage.search_query import SearchQuery, parse, patterns, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("late parcel", SearchQuery(words=("late", "parcel"))),
        ('from:ada "late parcel"', SearchQuery(words=("late parcel",), sender="ada")),
        ('FROM:"Ada Lovelace" label:vip', SearchQuery(sender="Ada Lovelace", label="vip")),
        ("is:open is:Unassigned", SearchQuery(states=frozenset({"open", "unassigned"}))),
        ("before:2026-02-01", SearchQuery(before=datetime(2026, 2, 1, tzinfo=UTC))),
        ("after:2026-01-31", SearchQuery(after=datetime(2026, 2, 1, tzinfo=UTC))),
        ("re: order 12:30", SearchQuery(words=("re:", "order", "12:30"))),
        ("https://shop.example/x", SearchQuery(words=("https://shop.example/x",))),
        ('"to:me"', SearchQuery(words=("to:me",))),
        ('"unended', SearchQuery(words=("unended",))),
        ('""', SearchQuery()),
    ],
)
def test_parse_splits_words_and_filters(text: str, expected: SearchQuery) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("to:ada", "There is no filter `to:`; use `from:`, `label:`, `before:`, `after:`, `is:`"),
        ("from:", "needs a value"),
        ("from: ada", "needs a value, without a space"),
        ('label:""', "needs a value"),
        ("from:ad", "at least 3 letters"),
        ("from:ada from:bob", "once"),
        ("before:yesterday", "takes a date like `2026-01-31`"),
        ("after:0001-01-01", "from 1970 on"),
        ("after:9999-12-31", "from 1970 on"),
        ("is:lost", "not `lost`"),
    ],
)
def test_parse_with_invalid_filter_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    [[found]] = (refused.value.details or {}).values()
    assert message in found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("re", "parcel"), ["%parcel%", "%re%"]),
        (("100%", "a_b\\c", "sale"), ["%sale%", "%100\\%%", "%a\\_b\\\\c%"]),
        (("a.b.c.d", "++++"), []),
        (("退款",), []),
        ((), []),
    ],
)
def test_patterns_begin_with_the_one_that_the_index_can_use(words: tuple[str, ...], expected: list[str]) -> None:
    assert patterns(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("Refnd", "parcel"), ["refnd", "parcel"]), (("refnd", "me"), []), (("word",) * 11, []), ((), [])],
)
def test_terms_are_words_that_may_be_misspelled(words: tuple[str, ...], expected: list[str]) -> None:
    assert terms(words) == expected
