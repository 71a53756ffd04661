"""What the finders of facts have in common: the fact, the words of many languages, the form of a text to search."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FactKind = Literal["number", "amount", "date", "time", "address", "identifier", "promise", "list"]

WORDS: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))

BLANK = "\ue000"
"""Stands for a character of a fact that is already found."""

_FORMS = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("’‘ʼ`´", "'") | {"٫": ".", "٬": ",", BLANK: " "})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    kind: FactKind
    start: int
    end: int
    """Where it is in the normalized text."""
    readings: frozenset[str]
    """Its value in canonical form; several if the text is ambiguous: `1.299` is 1299 or 1.299."""
    implied: frozenset[str] = frozenset()
    """Values that a text with this fact has as well: the day and month of a date, the number of an amount."""
    is_done: bool = False
    """A promise: it says that something has been done."""


@dataclass(frozen=True, slots=True)
class Promise:
    action: str
    is_done: bool


def verbs(table: Mapping[str, str]) -> re.Pattern[str]:
    """Return a pattern of all actions; the group that a word matches is named as its action."""
    return re.compile("|".join(f"(?P<{action}>{pattern})" for action, pattern in table.items()))


def normalized(text: str) -> str:
    """Return the text with compatibility forms, digits of all scripts, dashes and apostrophes in their plain form."""
    text = unicodedata.normalize("NFKC", text).translate(_FORMS)
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in text)


class Vocabulary:
    """Words and what each stands for. In a text, a space of a word may be a hyphen or missing: `working-days`."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self._names = {_joined(word): name for name, words in table.items() for word in words}
        self.pattern = alternatives(word for words in table.values() for word in words)

    def __getitem__(self, word: str) -> str:
        return self._names[_joined(word)]


def numbered(words: Sequence[Sequence[str]]) -> Vocabulary:
    """Return a vocabulary of words that stand for 1, 2, 3 and so on."""
    return Vocabulary({str(number): one for number, one in enumerate(words, start=1)})


def alternatives(words: Iterable[str]) -> str:
    """Return a pattern of any of these words, the longest first."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(r"[ -]?".join(map(re.escape, re.split("[ -]", word))) for word in ordered)


def _joined(word: str) -> str:
    return re.sub("[ -]", "", word.casefold())
