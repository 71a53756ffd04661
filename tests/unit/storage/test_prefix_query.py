import pytest

from hummdesk.storage.conversations import prefix_query


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("refund", "'refund':*"),
        ("  late   parcel ", "'late':* & 'parcel':*"),
        ("o'neil", "'o''neil':*"),
        ("a\\b", "'a\\\\b':*"),
        ("a:* | b", "'a:*':* & '|':* & 'b':*"),
        ("", ""),
    ],
)
def test_prefix_query_quotes_each_word(words: str, expected: str) -> None:
    assert prefix_query(words) == expected
