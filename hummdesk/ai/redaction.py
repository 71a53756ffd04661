"""Redaction: replace personal data by placeholders before a text leaves this deployment, restore it in the answer.

Redacted are links, e-mail addresses, IBANs (by checksum), card numbers (by Luhn checksum) and every other run of at
least seven digits, which includes phone numbers of any country. When in doubt, redact: the text is restored anyway.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from typing import Literal

from linkify_it import LinkifyIt
from stdnum import iban, luhn

Kind = Literal["LINK", "EMAIL", "IBAN", "CARD", "NUMBER", "TEXT", "NAME"]

PLACEHOLDER = re.compile(r"\[\s*(LINK|EMAIL|IBAN|CARD|NUMBER|TEXT|NAME)_[0-9]+\s*\]", re.IGNORECASE)
"""Matches also the variants that a model or a customer may write: lower case, extra spaces."""

CARD_DIGITS = range(13, 20)
TLDS = """
academy agency app art bank blog club cloud cyou dev email expert help icu info life link live ltd media mobi network
news online page press sbs services shop site solutions store support team tech today top vip website wiki win work
world xyz zip mov click
"""
"""Top-level domains, beside country codes and the oldest ones, that make a name without https:// a link."""

_LINKS = LinkifyIt(options={"fuzzy_ip": True}).tlds(TLDS.split(), keep_old=True)
_SCHEME = re.compile(
    r"""\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|(?:javascript|data|vbscript|blob|tel|sms):)\S*[^\s.,;:!?)\]}>"'*]""",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")
_DIGITS = re.compile(r"(?<!\d)\+?\(?\d(?:[\s\u00a0./()\u2010-\u2015-]{0,3}\d){6,}")
_DATE = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})(?:\s+\d{1,2})?")


class Redactor:
    """The placeholders of one request and their values. Use a new one per request: values must not cross requests."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._numbers: Counter[Kind] = Counter()

    def redact(self, text: str) -> str:
        """Return the text with placeholders; equal values get the same one."""
        text = PLACEHOLDER.sub(lambda found: self.placeholder("TEXT", found[0]), text)
        text = self._redact_spans(text, "LINK", _links)
        text = _EMAIL.sub(lambda found: self.placeholder("EMAIL", found[0]), text)
        text = self._redact_spans(text, "IBAN", _ibans)
        return _DIGITS.sub(self._number, text)

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

    def _number(self, found: re.Match[str]) -> str:
        if _DATE.fullmatch(found[0]):
            return found[0]
        digits = "".join(str(unicodedata.decimal(sign)) for sign in found[0] if sign.isdecimal())
        is_card = any(luhn.is_valid(digits[:length]) for length in CARD_DIGITS if length <= len(digits))
        return self.placeholder("CARD" if is_card else "NUMBER", found[0])

    def _redact_spans(self, text: str, kind: Kind, find: Callable[[str], list[tuple[int, int]]]) -> str:
        parts, at = [], 0
        for start, end in find(text):
            parts += [text[at:start], self.placeholder(kind, text[start:end])]
            at = end
        return "".join([*parts, text[at:]])


def placeholders(text: str) -> set[str]:
    return {_canonical(found[0]) for found in PLACEHOLDER.finditer(text)}


def contains_personal_data(text: str) -> bool:
    """Return whether the text contains anything that would be redacted."""
    plain = unicodedata.normalize("NFKC", PLACEHOLDER.sub(" ", text))
    return Redactor().redact(plain) != plain


def _canonical(placeholder: str) -> str:
    return re.sub(r"\s", "", placeholder).upper()


def _links(text: str) -> list[tuple[int, int]]:
    """Return the spans of everything that a client may make clickable, in order."""
    spans = [(found.start(), found.end()) for found in _SCHEME.finditer(text)]
    spans += [(found.index, found.last_index) for found in _LINKS.match(text) or [] if found.schema != "mailto:"]
    return _merged(spans)


def _ibans(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    while found := _IBAN.search(text, at):
        ends = (end for end in range(found.end(), found.start() + 14, -1) if text[end - 1].isalnum())
        end = next((end for end in ends if iban.is_valid(text[found.start() : end], check_country=False)), None)
        if end is not None:
            spans.append((found.start(), end))
        at = end or found.start() + 2
    return spans


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort the spans and merge those that overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
