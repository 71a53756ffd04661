"""Phrases of phrases.json, by which mail programs and their users mark parts of a mail, in all languages at once."""

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

COMPARED_CHARACTERS = 400
"""Characters of a line that are compared: sorting combining characters (NFKC) is quadratic."""

_IGNORED = re.compile("[*\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Asterisks of bold labels, invisible characters."""
_DOTTED_I = "i\u0307"
"""Case folding of the Turkish `İ`, which phrases have as `i`."""


def fold(line: str) -> str:
    """Return the line as it is compared: compatibility forms, case, spaces and invisible characters are equalized."""
    if line.isascii():
        return " ".join(line[:COMPARED_CHARACTERS].replace("*", "").lower().split())
    compared = unicodedata.normalize("NFKC", line[:COMPARED_CHARACTERS])
    return " ".join(_IGNORED.sub("", compared).replace("’", "'").casefold().replace(_DOTTED_I, "i").split())


_LANGUAGES: dict[str, dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("phrases.json").read_text(encoding="utf-8")
)
LANGUAGES = tuple(_LANGUAGES)


def phrases(kind: str) -> tuple[str, ...]:
    """Return the folded phrases of one kind, the longest first."""
    found = {fold(phrase) for language in _LANGUAGES.values() for phrase in language[kind]}
    return tuple(sorted(found, key=lambda phrase: (-len(phrase), phrase)))


HEADER_KINDS = ("from", "sent", "date", "to", "cc", "subject", "other")
HEADERS = {label: kind for kind in reversed(HEADER_KINDS) for label in phrases(kind)}
"""Kind of each label of a header."""


class Phrases:
    """Phrases that are searched at the start of a folded line."""

    def __init__(self, found: Iterable[str]) -> None:
        self._phrases = frozenset(found)
        self._lengths = sorted({len(phrase) for phrase in self._phrases}, reverse=True)

    def at_start(self, folded: str) -> str | None:
        """Return the longest phrase with which the line begins and at which a word ends."""
        for length in self._lengths:
            if folded[:length] in self._phrases and length <= len(folded) and _ends_word(folded, length):
                return folded[:length]
        return None


def is_unspaced(character: str) -> bool:
    """Return whether the script of the character puts no spaces between words: Chinese, Japanese; also Korean."""
    return "\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af"


def _ends_word(text: str, position: int) -> bool:
    if position >= len(text) or is_unspaced(text[position - 1]):
        return True
    return not text[position].isalnum() and not unicodedata.combining(text[position])
