"""Words and phrases that give something away, found in a text in one pass."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hummdesk.ai.text import stem, stems

LEXICON: dict[str, Any] = json.loads(Path(__file__).with_name("lexicon.json").read_text(encoding="utf-8"))
STOPWORDS = frozenset(stem(word) for word in LEXICON["stopwords"])


class Cues:
    """Phrases with a weight for each of their labels; in a text the longest phrase at a place counts, and once."""

    def __init__(self, phrases: Iterable[tuple[str, str, float]]) -> None:
        """`phrases` gives (phrase, label, weight)."""
        self._weights: dict[tuple[str, ...], dict[str, float]] = {}
        for phrase, label, weight in phrases:
            self._weights.setdefault(tuple(stems(phrase)), {})[label] = weight
        self._longest = max(len(phrase) for phrase in self._weights)

    def weigh(self, text: list[str]) -> dict[str, float]:
        """The sum of weights of each label that the stems of a text have cues for."""
        sums: dict[str, float] = {}
        for phrase in self._found(text):
            for label, weight in self._weights[phrase].items():
                sums[label] = sums.get(label, 0.0) + weight
        return sums

    def _found(self, text: list[str]) -> set[tuple[str, ...]]:
        found = set()
        at = 0
        while at < len(text):
            phrase = self._longest_at(text, at)
            found.add(phrase)
            at += len(phrase) or 1
        return found - {()}

    def _longest_at(self, text: list[str], at: int) -> tuple[str, ...]:
        for length in range(min(self._longest, len(text) - at), 0, -1):
            phrase = tuple(text[at : at + length])
            if phrase in self._weights:
                return phrase
        return ()


def by_label(table: Mapping[str, Mapping[str, list[str]]]) -> Cues:
    """From `{label: {weight: [phrase]}}`."""
    return Cues(
        (phrase, label, float(weight))
        for label, weights in table.items()
        for weight, phrases in weights.items()
        for phrase in phrases
    )


def plain_list(table: Mapping[str, list[str]]) -> Cues:
    """From `{label: [phrase]}`, each of weight 1."""
    return by_label({label: {"1": phrases} for label, phrases in table.items()})
