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

LEAST, MOST = 0.38, 0.51
"""Bounds of the score at which a page is as likely to answer as not."""
DISSIMILAR = 0.1
"""That score is the one that this part of the past questions does not reach with the other passages of its page."""
FEW_QUESTIONS, MANY_QUESTIONS = 10, 100
"""Below the former, past questions tell nothing; of more than the latter, some are looked at."""
SPREAD = 0.1
"""How steeply a score becomes a confidence."""
OUT_OF_SCOPE = 0.4
"""What a page has to score more for a message that is surely no matter for a help desk."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
SENTENCES = 4
"""Looked up of one message at the most besides the whole, the first ones with three words or more."""

STOPWORDS = frozenset(stem(word) for word in LEXICON["stopwords"])


@dataclass(frozen=True, slots=True)
class Passage:
    page: str
    """Key of the page that it belongs to."""
    text: str
    asked: bool = False
    """By a customer in the past."""


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
        self._even = self._evenness(passages)

    def search(self, texts: Sequence[str], vectors: Vectors) -> list[Match]:
        """The pages by the best score for any of the texts, the best first; `vectors` are those of the texts."""
        if not self._pages:
            return []
        scores = self._likeness(texts, vectors)
        found = [Match(page, max(_score(row[numbers]) for row in scores)) for page, numbers in self._pages.items()]
        return sorted(found, key=lambda match: -match.score)

    def confidence(self, match: Match, in_scope: float) -> float:
        """That a page answers; `in_scope` is the probability that a help desk is asked at all."""
        return 1 / (1 + math.exp((self._even + OUT_OF_SCOPE * (1 - in_scope) - match.score) / SPREAD))

    def _likeness(self, texts: Sequence[str], vectors: Vectors) -> Vectors:
        found: Vectors = vectors @ self._vectors.T
        return found + WORDS * np.array([self._words.likeness(text) for text in texts])

    def _evenness(self, passages: Sequence[Passage]) -> float:
        """How alike the past questions of one page are shows how alike the next one will be."""
        asked = [number for number, passage in enumerate(passages) if passage.asked]
        if len(asked) < FEW_QUESTIONS:
            return (LEAST + MOST) / 2
        asked = asked[:: math.ceil(len(asked) / MANY_QUESTIONS)]
        likeness = self._likeness([passages[number].text for number in asked], self._vectors[asked])
        scores = [
            _score(row[[other for other in self._pages[passages[number].page] if other != number]])
            for number, row in zip(asked, likeness, strict=True)
        ]
        return min(max(float(np.quantile(scores, DISSIMILAR)), LEAST), MOST)


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
