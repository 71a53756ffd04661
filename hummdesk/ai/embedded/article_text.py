"""The text of an article, which may be Markdown, as sentences under their headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hummdesk.ai.text import SENTENCE_END

_LINES = re.compile(r"\n+")
_HEADING = re.compile(r"#{1,6}\s+")
_LIST_ITEM = re.compile(r"^(?:[-*+•]|\d{1,3}[.)])\s+")
_BOLD = "**"


CHARACTERS_PER_WORD = 8
"""More than in languages with spaces: for the others, and for text that is no language."""
MAX_SENTENCE = 700
"""Characters of a sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    """Without marks of Markdown at its beginning, and without bold."""
    heading: str = ""
    is_warning: bool = False
    """It stands in bold before everything else."""


def count_words(text: str) -> int:
    """Return the number of words; of text without spaces about as many as it would have in English."""
    return max(len(text.split()), len(text) // CHARACTERS_PER_WORD)


@lru_cache(maxsize=1_000)
def sentences(body: str) -> tuple[Sentence, ...]:
    return tuple(_sentences(body))


def _sentences(body: str) -> Iterator[Sentence]:
    heading, is_first = "", True
    for line in map(str.strip, _LINES.split(body)):
        if _HEADING.match(line):
            heading = _HEADING.sub("", line)
        elif line:
            is_warning = is_first and line.startswith(_BOLD) and line.endswith(_BOLD)
            for text in SENTENCE_END.split(_LIST_ITEM.sub("", line, count=1).replace(_BOLD, "")):
                yield Sentence(text[:MAX_SENTENCE], heading, is_warning)
            is_first = False
