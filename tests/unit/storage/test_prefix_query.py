import pytest

from hummdesk.storage.search_query import prefix_query


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("refund", "'refund':*"),
        ("  late   parcel ", "'late':* & 'parcel':*"),
        ("men's'ware", "'men''s''ware'"),
        ("men'ware", "'men''ware':*"),
        ("abc\\def", "'abc\\\\def':*"),
        ("abc:* | def", "'abc:*':* & '|':* & 'def':*"),
        ("", ""),
    ],
)
def test_prefix_query_quotes_each_word(words: str, expected: str) -> None:
    assert prefix_query(tuple(words.split())) == expected


@pytest.mark.parametrize("word", ["a", "ab", "é", "no", "77", "x.y.z", "abc-d", "a_"])
def test_word_of_one_or_two_letters_is_no_prefix(word: str) -> None:
    assert prefix_query((word, "refund")) == f"'{word}' & 'refund':*"


@pytest.mark.parametrize("word", ["abc", "117", "注", "退款", "注x"])
def test_word_of_three_letters_or_an_ideograph_is_a_prefix(word: str) -> None:
    assert prefix_query((word,)) == f"'{word}':*"
