"""Plain text, words and stems as the embedded provider uses them."""

import html
import re
import unicodedata
from functools import lru_cache

import snowballstemmer

MAX_CHARACTERS = 4000
"""Characters that are used of a message: three quarters from its beginning, one quarter from its end."""

MAX_WORD_LENGTH = 40
"""Longer words are base64, keys or noise."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")

_CJK = "\u3040-\u30ff\u4e00-\u9fff"
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*")
_STEMMER = snowballstemmer.stemmer("english")


def plain(content: str) -> str:
    """Return the visible text: no tags, no lone surrogates, single spaces, at most MAX_CHARACTERS."""
    if len(content) > MAX_CHARACTERS:
        content = content[: MAX_CHARACTERS * 3 // 4] + " " + content[-MAX_CHARACTERS // 4 :]
    content = content.encode(errors="replace").decode()
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", content))).strip()


def words(text: str) -> list[str]:
    """Return the case-folded words in order; Chinese and Japanese text gives overlapping pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if "\u3040" <= word[0] <= "\u9fff":
            found += [word[position : position + 2] for position in range(max(1, len(word) - 1))]
        elif len(word) <= MAX_WORD_LENGTH:
            found.append(word.replace("’", "'").removesuffix("'s"))
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of an English word (`refunded`, `refunds`: `refund`); other words get a stable form as well."""
    return str(_STEMMER.stemWord(word))


def stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]
