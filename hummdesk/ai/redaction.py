"""What does not leave the house: replaced by placeholders before, restored after.

Links, e-mail addresses, IBANs (by checksum), card numbers (by Luhn's) and every other run of seven digits or more,
which takes phone numbers of any country with it. Too much is hidden rather than too little: it is restored.
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
"""Also as a model may bend one, and as a customer may write one."""

CARD_DIGITS = range(13, 20)
TLDS = """
academy agency app art bank blog club cloud cyou dev email expert help icu info life link live ltd media mobi network
news online page press sbs services shop site solutions store support team tech today top vip website wiki win work
world xyz zip mov click
"""
"""Beside those of two letters and the eldest: where a name without https:// is taken for a link."""

_LINKS = LinkifyIt(options={"fuzzy_ip": True}).tlds(TLDS.split(), keep_old=True)
_SCHEME = re.compile(
    r"""\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|(?:javascript|data|vbscript|blob|tel|sms):)\S*[^\s.,;:!?)\]}>"'*]""",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")
_DIGITS = re.compile(r"(?<!\d)\+?\(?\d(?:[\s\u00a0./()\u2010-\u2015-]{0,3}\d){6,}")
_DATE = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})(?:\s+\d{1,2})?")


class Vault:
    """The placeholders of one request, and what they stand for. No other request's are known to it."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._numbers: Counter[Kind] = Counter()

    def hide(self, text: str) -> str:
        """The text with placeholders, the same one for the same value."""
        text = PLACEHOLDER.sub(lambda found: self.keep("TEXT", found[0]), text)
        text = self._hide_found(text, "LINK", _links)
        text = _EMAIL.sub(lambda found: self.keep("EMAIL", found[0]), text)
        text = self._hide_found(text, "IBAN", _ibans)
        return _DIGITS.sub(self._number, text)

    def keep(self, kind: Kind, value: str) -> str:
        """The placeholder for a value."""
        placeholder = self._placeholders.get(value)
        if placeholder is None:
            self._numbers[kind] += 1
            placeholder = f"[{kind}_{self._numbers[kind]}]"
            self._placeholders[value] = placeholder
            self._values[placeholder] = value
        return placeholder

    def restore(self, text: str, allowed: Collection[str]) -> str:
        """The text as people read it. Raises KeyError for a placeholder that is not `allowed`, or was never given."""

        def value(found: re.Match[str]) -> str:
            placeholder = _straight(found[0])
            if placeholder not in allowed:
                raise KeyError(placeholder)
            return self._values[placeholder]

        return PLACEHOLDER.sub(value, text)

    def _number(self, found: re.Match[str]) -> str:
        if _DATE.fullmatch(found[0]):
            return found[0]
        digits = "".join(str(unicodedata.decimal(sign)) for sign in found[0] if sign.isdecimal())
        is_card = any(luhn.is_valid(digits[:length]) for length in CARD_DIGITS if length <= len(digits))
        return self.keep("CARD" if is_card else "NUMBER", found[0])

    def _hide_found(self, text: str, kind: Kind, find: Callable[[str], list[tuple[int, int]]]) -> str:
        parts, at = [], 0
        for start, end in find(text):
            parts += [text[at:start], self.keep(kind, text[start:end])]
            at = end
        return "".join([*parts, text[at:]])


def placeholders(text: str) -> set[str]:
    return {_straight(found[0]) for found in PLACEHOLDER.finditer(text)}


def exposes(text: str) -> bool:
    """Whether it has anything that would have been hidden."""
    plain = unicodedata.normalize("NFKC", PLACEHOLDER.sub(" ", text))
    return Vault().hide(plain) != plain


def _straight(placeholder: str) -> str:
    return re.sub(r"\s", "", placeholder).upper()


def _links(text: str) -> list[tuple[int, int]]:
    """Where links are, in order: what a client may make clickable."""
    spans = [(found.start(), found.end()) for found in _SCHEME.finditer(text)]
    spans += [(found.index, found.last_index) for found in _LINKS.match(text) or [] if found.schema != "mailto:"]
    return _apart(spans)


def _ibans(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    while found := _IBAN.search(text, at):
        ends = (end for end in range(found.end(), found.start() + 14, -1) if text[end - 1].isalnum())
        end = next((end for end in ends if iban.is_valid(text[found.start() : end], check_country=False)), None)
        if end is not None:
            spans.append((found.start(), end))
        at = end or found.start() + 2
    return spans


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order and without overlaps: those that overlap become one."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart
