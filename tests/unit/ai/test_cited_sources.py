"""Quotes of a draft's sources."""

from hummdesk.ai.protocol import MAX_QUOTE, Citation, Draft, Quote

RETURNS = Citation(kind="article", title="Returns", id="7")
CANNED = Citation(kind="canned_reply", title="Sorry")
OTHER = Citation(kind="article", title="Shipping", id="8")


def draft(*quotes: Quote) -> Draft:
    return Draft(
        content="Within 30 days.",
        confidence=0.6,
        reasoning="",
        citations=(RETURNS, CANNED, OTHER),
        quotes=quotes,
    )


def test_quotes_of_a_source_are_joined() -> None:
    first, second = Quote(source="7", text="Within 30 days."), Quote(source="7", text="Unworn.")
    cited = draft(first, second).cited()
    assert cited == [RETURNS.wire() | {"quote": "Within 30 days. … Unworn."}, CANNED.wire(), OTHER.wire()]


def test_long_quote_is_cut() -> None:
    [source, *_] = draft(Quote(source="7", text="x" * 5_000)).cited()
    assert source["quote"] == "x" * MAX_QUOTE


def test_draft_below_the_minimum_confidence_has_no_quotes() -> None:
    assert draft(Quote(source="7", text="Within 30 days.")).above(0.9).quotes == ()
