"""WordPiece tokenizer of uncased BERT models, with the tokens of their reference implementation."""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
CONTINUATION = "##"
"""Before a token that does not begin a word."""
MAX_WORD = 100
"""Characters of a word; a longer one is unknown."""
CACHED_CHARACTERS = 2000

_CJK = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
"""Ideographs, of which each is a word."""


class WordPieceTokenizer:
    """Splits words into the longest tokens of a vocabulary, from left to right."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._longest = max(map(len, vocabulary))

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a text, without those that mark its beginning and its end."""
        return [token for word in _words(text) for token in self._tokens(word)]

    def _tokens(self, word: str) -> list[int]:
        unknown = [self._vocabulary[UNKNOWN]]
        if len(word) > MAX_WORD:
            return unknown
        tokens, start = [], 0
        while start < len(word):
            found = self._longest_token(word, start)
            if found is None:
                return unknown
            token, start = found
            tokens.append(token)
        return tokens

    def _longest_token(self, word: str, start: int) -> tuple[int, int] | None:
        """Return the token that begins at this character, and the character behind it."""
        prefix = CONTINUATION if start else ""
        for end in range(min(len(word), start + self._longest), start, -1):
            if (token := self._vocabulary.get(prefix + word[start:end])) is not None:
                return token, end
        return None


def _words(text: str) -> Iterator[str]:
    """Split a text at spaces, and before and behind each mark of punctuation and ideograph."""
    cleaned = "".join(map(_cleaned, text))
    return iter("".join(map(_folded, unicodedata.normalize("NFD", cleaned))).split())


@lru_cache(maxsize=CACHED_CHARACTERS)
def _cleaned(character: str) -> str:
    """Drop controls, replace any space by a blank, and set ideographs apart."""
    if character in "\t\n\r":
        return " "
    if character == "\ufffd" or unicodedata.category(character) in {"Cc", "Cf", "Co"}:
        return ""
    if any(first <= ord(character) <= last for first, last in _CJK):
        return f" {character} "
    return " " if character.isspace() else character


@lru_cache(maxsize=CACHED_CHARACTERS)
def _folded(character: str) -> str:
    """Drop accents, lower the case, and set punctuation apart."""
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    is_punctuation = category.startswith("P") or (character.isascii() and character.isprintable())
    if is_punctuation and not character.isalnum() and character != " ":
        return f" {character} "
    return character.lower()
