"""Phrases of lexicon.json, and a scorer that finds them in a text in one pass."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hummdesk.ai.text import stem, stems

LEXICON: dict[str, Any] = json.loads(Path(__file__).with_name("lexicon.json").read_text(encoding="utf-8"))
STOPWORDS = frozenset(stem(word) for word in LEXICON["stopwords"])


class PhraseScorer:
    """Phrases with weights per label. At each position the longest phrase matches; a repeated phrase counts once."""

    def __init__(self, phrases: Iterable[tuple[str, str, float]]) -> None:
        """Each of `phrases` is (phrase, label, weight)."""
        self._weights: dict[tuple[str, ...], dict[str, float]] = {}
        for phrase, label, weight in phrases:
            self._weights.setdefault(tuple(stems(phrase)), {})[label] = weight
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        """The phrases by their first stem, the longest ones first."""
        for stemmed in sorted(filter(None, self._weights), key=len, reverse=True):
            self._by_first.setdefault(stemmed[0], []).append(stemmed)

    def score(self, text: list[str]) -> dict[str, float]:
        """Return the sum of weights for each label that has a phrase in the text, given as stems."""
        sums: dict[str, float] = {}
        for phrase in self._matches(text):
            for label, weight in self._weights[phrase].items():
                sums[label] = sums.get(label, 0.0) + weight
        return sums

    def _matches(self, text: list[str]) -> set[tuple[str, ...]]:
        matches = set()
        position = 0
        while position < len(text):
            phrase = self._longest_at(text, position)
            matches.add(phrase)
            position += len(phrase) or 1
        return matches - {()}

    def _longest_at(self, text: list[str], position: int) -> tuple[str, ...]:
        for phrase in self._by_first.get(text[position], ()):
            if tuple(text[position : position + len(phrase)]) == phrase:
                return phrase
        return ()


def weighted_phrases(table: Mapping[str, Mapping[str, list[str]]]) -> PhraseScorer:
    """Build a scorer from `{label: {weight: [phrase]}}`."""
    return PhraseScorer(
        (phrase, label, float(weight))
        for label, weights in table.items()
        for weight, phrases in weights.items()
        for phrase in phrases
    )


def phrases(table: Mapping[str, list[str]]) -> PhraseScorer:
    """Build a scorer from `{label: [phrase]}` in which every phrase has weight 1."""
    return weighted_phrases({label: {"1": phrases} for label, phrases in table.items()})
