"""Text as the embedded provider reads it: bounded, plain and in words."""

import html
import re
import unicodedata
from functools import lru_cache

import snowballstemmer

LONGEST = 4000
"""Characters that are read of a message: its beginning and, for a quarter of them, its end say what it is about."""

LONGEST_WORD = 40
"""Longer ones are base64, keys or noise."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")

_PAIRED = "\u3040-\u30ff\u4e00-\u9fff"
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
_WORD = re.compile(rf"[{_PAIRED}]+|[^\W_{_PAIRED}]+(?:['’][^\W_{_PAIRED}]+)*")
_STEMMER = snowballstemmer.stemmer("english")


def plain(content: str) -> str:
    """What a reader sees: tags and lone surrogates gone, spaces single, at most LONGEST characters."""
    if len(content) > LONGEST:
        content = content[: LONGEST * 3 // 4] + " " + content[-LONGEST // 4 :]
    content = content.encode(errors="replace").decode()
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", content))).strip()


def words(text: str) -> list[str]:
    """Folded words in order; a run of Chinese or Japanese characters gives its overlapping pairs."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if "\u3040" <= word[0] <= "\u9fff":
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif len(word) <= LONGEST_WORD:
            found.append(word.replace("’", "'").removesuffix("'s"))
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The common form of English words (`refunded`, `refunds`: `refund`); others come out the same each time."""
    return str(_STEMMER.stemWord(word))


def stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]
