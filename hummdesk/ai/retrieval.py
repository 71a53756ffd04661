"""Which pages answer a message: by what it means, and a little by the words it shares with them.

A page is looked up by its passages: its title, its title with its body, each question that it answers. Likeness in
meaning is the inner product of vectors; in words it is the cosine of rare words' weights. Of a page the three nearest
passages count, the first most. The same function serves where the passages come from memory and where they are the
nearest ones of a database. A message is looked up sentence by sentence as well as whole, since people say more than
they ask.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.cues import LEXICON
from hummdesk.ai.encoder import Vectors
from hummdesk.ai.text import stem, stems

WORDS = 0.3
"""What likeness in words adds to likeness in meaning."""
NEAREST = (0.7, 0.2, 0.1)
"""What the nearest, second and third passage of a page count."""
FEWEST = 24
"""Texts that a collection counts for at the least: in a handful every word would look common."""
COMMON_WORD = 0.15
"""What a word like `how` or `the` weighs beside one that says something."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
SENTENCES = 4
"""Looked up of one message at the most besides the whole, the first ones with three words or more."""

STOPWORDS = frozenset(stem(word) for word in LEXICON["stopwords"])


@dataclass(frozen=True, slots=True)
class Passage:
    page: str
    """Key of the page that it belongs to."""
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    page: str
    score: float
    """About 0 for unrelated, 1 and more for the same words."""


def questions(text: str) -> list[str]:
    """What to look up of a message: all of it, and its first sentences if it has several."""
    parts = [part for part in SENTENCE_END.split(text) if len(stems(part)) > 2]
    return [text, *parts[:SENTENCES]] if len(parts) > 1 else [text]


class Shelf:
    """Passages that can be searched; `vectors` are theirs, in their order."""

    def __init__(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        self._vectors = vectors
        self._words = _Words(passage.text for passage in passages)
        pages: dict[str, list[int]] = {}
        for number, passage in enumerate(passages):
            pages.setdefault(passage.page, []).append(number)
        self._pages = pages

    def search(self, texts: Sequence[str], vectors: Vectors) -> list[Match]:
        """The pages by the best score for any of the texts, the best first; `vectors` are those of the texts."""
        if not self._pages:
            return []
        scores = vectors @ self._vectors.T + WORDS * np.array([self._words.likeness(text) for text in texts])
        found = [Match(page, max(_score(row[numbers]) for row in scores)) for page, numbers in self._pages.items()]
        return sorted(found, key=lambda match: -match.score)


def _score(likenesses: Vectors) -> float:
    nearest = np.sort(likenesses)[::-1][: len(NEAREST)]
    padded = np.pad(nearest, (0, len(NEAREST) - len(nearest)), mode="edge")
    return float(padded @ np.array(NEAREST))


class _Words:
    """The words of texts, weighed by how few of the texts have them."""

    def __init__(self, texts: Iterable[str]) -> None:
        counted = [set(stems(text)) for text in texts]
        self._size = max(len(counted), FEWEST)
        self._spread = Counter(word for words in counted for word in words)
        self._texts: dict[str, list[int]] = {}
        for number, words in enumerate(counted):
            for word in words:
                self._texts.setdefault(word, []).append(number)
        self._lengths = np.array([self._length(words) for words in counted])

    def likeness(self, text: str) -> Vectors:
        """The cosine to each of the texts."""
        asked = set(stems(text))
        shared = np.zeros(len(self._lengths))
        for word in asked & self._texts.keys():
            shared[self._texts[word]] += self._rarity(word) ** 2
        found: Vectors = shared / (self._length(asked) * self._lengths)
        return found

    def _length(self, words: set[str]) -> float:
        return math.sqrt(sum(self._rarity(word) ** 2 for word in sorted(words))) or 1.0

    def _rarity(self, word: str) -> float:
        spread = self._spread[word]
        rarity = math.log(1 + (self._size - spread + 0.5) / (spread + 0.5))
        return rarity * COMMON_WORD if word in STOPWORDS else rarity
