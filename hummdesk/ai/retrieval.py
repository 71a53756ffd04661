"""Which articles answer a message: by the words they share with it, rare ones counting more.

Two measures are averaged: BM25 of the whole page (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009,
with its usual constants) as a part of the best it could be, and the cosine to the nearest title or question; the less
there is to go by, the less that counts. A message is looked up sentence by sentence as well as whole, since people say
more than they ask.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hummdesk.ai.cues import LEXICON
from hummdesk.ai.text import stem, stems

SATURATION, LENGTH = 1.2, 0.75
COMMON_WORD = 0.15
"""What a word like `how` or `the` weighs beside one that says something."""

EVIDENCE = 5.0
"""Rarity that has to be shared for most of a score: one word in common, be it all of a message, proves little."""

FEWEST = 24
"""Texts that a collection counts for at the least: in a handful every word would look common."""

EVEN, SPREAD = 0.17, 0.06
"""The score at which a page is as likely to answer as not, and how steeply that changes (tests/ai/questions.json)."""

SAME_QUESTION = 0.35
"""The score of a message that is word for word a title or question, however common its words."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
SENTENCES = 40
"""Looked up of one message at the most, the first ones."""

STOPWORDS = frozenset(stem(word) for word in LEXICON["stopwords"])


@dataclass(frozen=True, slots=True)
class Page:
    """Something to look up: an article or a canned reply."""

    title: str
    body: str
    questions: Sequence[str] = ()

    @property
    def headings(self) -> list[set[str]]:
        return [set(stems(text)) for text in (self.title, *self.questions)]


@dataclass(frozen=True, slots=True)
class Match:
    number: int
    """Of the page, in the order given."""
    confidence: float
    """0 to 1, that the page answers the message."""


class Shelf:
    """The pages of one account, ready to be searched."""

    def __init__(self, pages: Iterable[Page]) -> None:
        pages = list(pages)
        self._headings = [page.headings for page in pages]
        self._counts = [Counter(stems(" ".join((page.title, *page.questions, page.body)))) for page in pages]
        self._mean = sum(map(Counter.total, self._counts)) / max(1, len(pages))
        self._rarities = _Rarities(map(set, self._counts))
        self._heading_rarities = _Rarities(heading for each in self._headings for heading in each)

    def search(self, text: str) -> list[Match]:
        """The pages that share a word with the text, the likeliest first."""
        parts = [text, *SENTENCE_END.split(text)[:SENTENCES]]
        asked = [{word for word in stems(part) if not word.isdecimal()} for part in parts]
        scores = [max(self._score(number, words) for words in asked) for number in range(len(self._counts))]
        found = [Match(number, _probability(score)) for number, score in enumerate(scores) if score > 0]
        return sorted(found, key=lambda match: (-match.confidence, match.number))

    def _score(self, number: int, asked: set[str]) -> float:
        shared = asked & self._counts[number].keys()
        evidence = 1 - math.exp(-self._rarities.total(shared) / EVIDENCE)
        likeness = self._likeness(number, asked)
        return max((self._saturation(number, asked, shared) + likeness) / 2 * evidence, SAME_QUESTION * likeness**2)

    def _saturation(self, number: int, asked: set[str], shared: set[str]) -> float:
        """BM25 as a part of the best that a page could have for these words."""
        count = self._counts[number]
        norm = SATURATION * (1 - LENGTH + LENGTH * count.total() / self._mean)
        best = self._rarities.total(asked)
        return sum(self._rarities.of(word) * count[word] / (count[word] + norm) for word in sorted(shared)) / (
            best or 1
        )

    def _likeness(self, number: int, asked: set[str]) -> float:
        """The cosine to the page's nearest title or question."""
        rarities = self._heading_rarities
        return max(
            rarities.squares(asked & heading) / math.sqrt((rarities.squares(asked) * rarities.squares(heading)) or 1)
            for heading in self._headings[number]
        )


class _Rarities:
    """How much a word says, by how few texts of a collection have it."""

    def __init__(self, texts: Iterable[set[str]]) -> None:
        collection = list(texts)
        self._size = max(len(collection), FEWEST)
        self._spread = Counter(word for text in collection for word in text)

    def of(self, word: str) -> float:
        spread = self._spread[word]
        rarity = math.log(1 + (self._size - spread + 0.5) / (spread + 0.5))
        return rarity * COMMON_WORD if word in STOPWORDS else rarity

    def total(self, words: Iterable[str]) -> float:
        return sum(map(self.of, sorted(words)))

    def squares(self, words: Iterable[str]) -> float:
        return sum(self.of(word) ** 2 for word in sorted(words))


def _probability(score: float) -> float:
    return 1 / (1 + math.exp((EVEN - score) / SPREAD))
