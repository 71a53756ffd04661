"""Which pages answer a message: by what it means, and a little by the words it shares with them.

A page is looked up by its passages: its title, its title with its body, each question that it answers. Likeness is seen
in four ways: in meaning, in meaning with how it is put, in topic, and in words by the cosine of rare words' weights. Of
each page the five nearest passages count, the first most. The twelve pages that come out first are then told apart by a
ridge regression on their passages. The same function serves where the passages come from memory and where
they are the nearest ones of a database. A message is looked up sentence by sentence as well as whole, since people say
more than they ask.

How sure it is that a page answers is another matter: as sure as that a help desk is asked at all and, if it is, that
what is as like a page as this is answered by it.

The weights were chosen on training/examples/questions.txt, each company with what the others' questions had fitted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.embedding import project, unit
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.text import SENTENCE_END, stems

AS_PUT, TOPIC, WORDS = 0.5, 0.1, 0.2
"""What likeness with how it is put, in topic and in words adds to likeness in meaning."""
NEAREST = (0.3, 0.25, 0.2, 0.15, 0.1)
"""What the nearest, second and so on passage of a page count."""
MISSING = 0.65
"""How like one that the page has not is taken to be, beside the last that it has: as sure of a past answer as of an
article, which has more chances to be near.
"""
CANDIDATES = 12
"""Pages that are told apart from each other."""
SHARPNESS, RIDGE = 2.0, 0.3
"""Of the regression: how near passages have to be to matter to each other, and how little it may twist and turn."""

FEWEST = 24
"""Texts that a collection counts for at the least: in a handful every word would look common."""
COMMON_WORD = 0.15
"""What a word like `how` or `the` weighs beside one that says something."""

LIKELY, SPREAD = 0.56, 0.14
"""The likeness at which a page is as likely to answer as not, and how steeply that changes: by logistic regression, of
three questions to a help desk one being such that no page answers it.
"""

SENTENCES = 4
"""Looked up of one message at the most besides the whole, the first ones with three words or more."""


@dataclass(frozen=True, slots=True)
class Passage:
    page: str
    """Key of the page that it belongs to."""
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    page: str
    likeness: float
    """About 0 for unrelated, 1 and more for the same words."""


def questions(text: str) -> list[str]:
    """What to look up of a message: all of it, and its first sentences if it has several."""
    parts = [part for part in SENTENCE_END.split(text) if len(stems(part)) > 2]
    return [text, *parts[:SENTENCES]] if len(parts) > 1 else [text]


def confidence(match: Match, in_scope: float) -> float:
    """That a page answers; `in_scope` is the probability that a help desk is asked at all."""
    return in_scope / (1 + math.exp((LIKELY - match.likeness) / SPREAD))


class Shelf:
    """Passages that can be searched; `encoded` are theirs as `encode` has read them, in their order."""

    def __init__(self, passages: Sequence[Passage], encoded: Vectors) -> None:
        self._seen = _seen(encoded)
        self._words = _Words(passage.text for passage in passages)
        self._texts = [passage.text for passage in passages]
        pages: dict[str, list[int]] = {}
        for number, passage in enumerate(passages):
            pages.setdefault(passage.page, []).append(number)
        self._pages = {page: np.array(numbers) for page, numbers in pages.items()}

    def search(self, texts: Sequence[str], encoded: Vectors) -> list[Match]:
        """The pages by the best score for any of the texts, the likeliest to answer first; `encoded` are the texts."""
        if not self._pages:
            return []
        seen = _seen(encoded)
        words = np.array([self._words.likeness(text) for text in texts])
        likeness = seen @ self._seen.T + WORDS * words
        nearest = {page: max(_weigh(row[own]) for row in likeness) for page, own in self._pages.items()}
        return [Match(page, nearest[page]) for page in self._order(nearest, likeness)]

    def _order(self, nearest: dict[str, float], likeness: Vectors) -> list[str]:
        order = sorted(nearest, key=lambda page: -nearest[page])
        told_apart = self._tell_apart(order[:CANDIDATES], likeness)
        first = sorted(told_apart, key=lambda page: -(nearest[page] + told_apart[page]))
        return first + order[CANDIDATES:]

    def _tell_apart(self, pages: Sequence[str], likeness: Vectors) -> dict[str, float]:
        own = np.concatenate([self._pages[page] for page in pages])
        whose = np.repeat(np.arange(len(pages)), [len(self._pages[page]) for page in pages])
        belongs = (whose[:, None] == np.arange(len(pages))).astype(float)
        words = np.array([self._words.likeness(self._texts[number])[own] for number in own])
        among = _kernel(self._seen[own] @ self._seen[own].T + WORDS * (words + words.T) / 2)
        weights = np.linalg.solve(among + RIDGE * np.eye(len(own)), belongs - belongs.mean(axis=0))
        return dict(zip(pages, (_kernel(likeness[:, own]) @ weights).max(axis=0).tolist(), strict=True))


def _seen(encoded: Vectors) -> Vectors:
    """Rows whose inner product is likeness in all ways but words."""
    meant = project(encoded)
    topic = unit(classifiers.topic(meant))
    as_put = classifiers.feeling(encoded, load_weights()["mean"])
    return np.hstack([meant, math.sqrt(TOPIC) * topic, math.sqrt(AS_PUT) * as_put])


def _kernel(likeness: Vectors) -> Vectors:
    found: Vectors = np.exp(SHARPNESS * (likeness - (1 + AS_PUT + TOPIC + WORDS)))
    return found


def _weigh(likenesses: Vectors) -> float:
    nearest = np.sort(likenesses)[::-1][: len(NEAREST)]
    missing = np.full(len(NEAREST) - len(nearest), MISSING * nearest[-1])
    return float(np.concatenate([nearest, missing]) @ np.array(NEAREST))


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
