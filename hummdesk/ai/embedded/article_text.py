"""The text of an article, which may be Markdown, as sentences under their headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

from hummdesk.ai.text import SENTENCE_END

_LINES = re.compile(r"\n+")
_HEADING = re.compile(r"#{1,6}\s+")
_BULLET = re.compile(r"^(?:[*•]|[-+](?!\s+\d))\s+")
"""Not a sign: "- 20 °C is the limit"."""
_NUMBER = re.compile(r"(\d{1,3})[.)]\s+")
_BOLD = "**"


CHARACTERS_PER_WORD = 8
"""More than in languages with spaces: for the others, and for text that is no language."""
MAX_SENTENCE = 700
"""Characters of a sentence."""
MAX_HEADING = 150
"""Characters of a heading: each sentence below it is read together with it."""
MAX_SENTENCES = 250
"""Sentences of an article: one of the longest permitted text has about as many, unless it is made of odd ones."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    """Without marks of Markdown at its beginning, and without bold."""
    heading: str = ""
    is_warning: bool = False
    """It stands in bold before everything else."""
    line: int = 0
    """Index of its line: a paragraph, or an item of a list."""
    mark: str = ""
    """Of the item of a list that it begins, as it is written: `-`, `*`, `+`, `•`, or its number, such as `3.`"""

    @property
    def is_step(self) -> bool:
        """It begins an item of a numbered list."""
        return self.mark[:1].isdigit()

    @property
    def is_first_step(self) -> bool:
        return self.is_step and int(self.mark[:-1]) == 1


def count_words(text: str) -> int:
    """Return the number of words; of text without spaces about as many as it would have in English."""
    return max(len(text.split()), len(text) // CHARACTERS_PER_WORD)


@lru_cache(maxsize=200)
def sentences(body: str) -> tuple[Sentence, ...]:
    return tuple(islice(_sentences(body), MAX_SENTENCES))


def _sentences(body: str) -> Iterator[Sentence]:
    heading, is_first = "", True
    lines = [line.strip() for line in _LINES.split(body)]
    items = _numbered_items(lines)
    for place, line in enumerate(lines):
        if _HEADING.match(line):
            heading = _HEADING.sub("", line)[:MAX_HEADING]
        elif line:
            is_warning = is_first and line.startswith(_BOLD) and line.endswith(_BOLD)
            mark, (first, *others) = _split(line, is_numbered_item=place in items)
            yield Sentence(first[:MAX_SENTENCE], heading, is_warning, place, mark)
            yield from (Sentence(one[:MAX_SENTENCE], heading, is_warning, place) for one in others)
            is_first = False


def _split(line: str, *, is_numbered_item: bool) -> tuple[str, list[str]]:
    """Return the mark of a line in a list, and its sentences without it; "30. June is the last day" is one sentence."""
    found = _NUMBER.match(line)
    number = found[0] if found else ""
    text = line.removeprefix(number)
    bullet = _BULLET.match(text)
    first, *others = SENTENCE_END.split((text[bullet.end() :] if bullet else text).replace(_BOLD, ""))
    if is_numbered_item:
        return number.strip(), [first, *others]
    return bullet[0].strip() if bullet and not number else "", [number + first, *others]


def _numbered_items(lines: Sequence[str]) -> set[int]:
    """Return the indexes of lines whose numbers count from 1 to 2 or more; any other number is part of the text."""
    numbers = {place: int(found[1]) for place, line in enumerate(lines) if (found := _NUMBER.match(line))}
    items, last = set(), 0
    for (place, number), (_, following) in pairwise([*numbers.items(), (0, 0)]):
        is_item = (number == 1 and following == 2) or 1 < number == last + 1
        last = number if is_item else 0
        if is_item:
            items.add(place)
    return items
