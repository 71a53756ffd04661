"""Redaction: replace personal data by placeholders before a text leaves this deployment, restore it in the answer.

It works on what a person reads: `text.readable` first removes HTML; compatibility forms and invisible characters are
normalized here. `personal_data` and `secret_keys` find what is hidden.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Self

from hummdesk.ai import personal_data, secret_keys
from hummdesk.ai.personal_data import Finder
from hummdesk.ai.text import readable

Kind = Literal["LINK", "EMAIL", "IBAN", "CARD", "NUMBER", "KEY", "TEXT", "NAME"]

PLACEHOLDER = re.compile(r"\[\s*(LINK|EMAIL|IBAN|CARD|NUMBER|KEY|TEXT|NAME)_[0-9]+\s*\]", re.IGNORECASE)
"""Matches also the variants that a model or a customer may write: lower case, extra spaces."""

FINDERS: tuple[tuple[Kind, Finder], ...] = (
    ("KEY", secret_keys.pem_blocks),
    ("EMAIL", personal_data.written_emails),
    ("LINK", personal_data.links),
    ("EMAIL", personal_data.emails),
    ("IBAN", personal_data.ibans),
    ("KEY", secret_keys.secret_keys),
    ("NUMBER", personal_data.numbers),
)
"""In this order: each searches what the ones before it left."""

_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef"
)
"""Default-ignorable code points, and the frame of a keycap."""
_INSERTED = re.compile(rf"(?<=[!-~\d])[{_INVISIBLE}]+|[{_INVISIBLE}]+(?=[!-~\d])")
"""Beside ASCII characters and digits only: joiners are also part of emoji and of Persian words."""
_IDEOGRAPHIC_DOT = re.compile(r"(?<=[A-Za-z0-9])。(?=[A-Za-z0-9])")
"""A dot in the name of a host (RFC 3490, section 3.1)."""


class Redactor:
    """The placeholders of one request and their values. Use a new one per request: values must not cross requests."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._numbers: Counter[Kind] = Counter()

    @classmethod
    def restoring(cls, values: Mapping[str, str]) -> Self:
        """Return one that restores these values, of another process, and redacts nothing."""
        made = cls()
        made._values = dict(values)
        return made

    @property
    def values(self) -> dict[str, str]:
        """The values by placeholder."""
        return dict(self._values)

    def redact(self, text: str) -> str:
        """Return the normalized text with placeholders; equal values get the same one."""
        pieces = [normalized(text)]  # text and placeholders in turn
        pieces = [part for piece in pieces for part in self._without_placeholders(piece)]
        for kind, find in FINDERS:
            pieces = [
                part
                for number, piece in enumerate(pieces)
                for part in ([piece] if number % 2 else self._hide(piece, kind, find(piece)))
            ]
        return "".join(pieces)

    def placeholder(self, kind: Kind, value: str) -> str:
        """Return the placeholder of a value, a new one if it has none."""
        placeholder = self._placeholders.get(value)
        if placeholder is None:
            self._numbers[kind] += 1
            placeholder = f"[{kind}_{self._numbers[kind]}]"
            self._placeholders[value] = placeholder
            self._values[placeholder] = value
        return placeholder

    def restore(self, text: str, allowed: Collection[str]) -> str:
        """Replace placeholders by their values. Raises KeyError for one that is unknown or not in `allowed`."""

        def value(found: re.Match[str]) -> str:
            placeholder = _canonical(found[0])
            if placeholder not in allowed:
                raise KeyError(placeholder)
            return self._values[placeholder]

        return PLACEHOLDER.sub(value, text)

    def _without_placeholders(self, text: str) -> list[str]:
        """Hide what a customer wrote to look like a placeholder."""
        return self._hide(text, "TEXT", (found.span() for found in PLACEHOLDER.finditer(text)))

    def _hide(self, text: str, kind: Kind, spans: Iterator[tuple[int, int]]) -> list[str]:
        """Return text, placeholder, text, placeholder, text and so on: an odd number of strings."""
        parts, at = [], 0
        for start, end in spans:
            value = text[start:end]
            is_card = kind == "NUMBER" and personal_data.is_card(value)
            parts += [text[at:start], self.placeholder("CARD" if is_card else kind, value)]
            at = end
        return [*parts, text[at:]]


def normalized(text: str) -> str:
    """Return the text in NFKC, without invisible characters inside words, addresses and numbers."""
    return _IDEOGRAPHIC_DOT.sub(".", _INSERTED.sub("", unicodedata.normalize("NFKC", text)))


def placeholders(text: str) -> set[str]:
    return {_canonical(found[0]) for found in PLACEHOLDER.finditer(text)}


def contains_personal_data(text: str) -> bool:
    """Return whether the text contains anything that would be redacted, also after HTML is decoded."""
    shown = normalized(readable(PLACEHOLDER.sub(" ", text)))
    return any(True for _, find in FINDERS for _ in find(shown))


def _canonical(placeholder: str) -> str:
    return re.sub(r"\s", "", placeholder).upper()
