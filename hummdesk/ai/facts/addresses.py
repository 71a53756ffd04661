"""Addresses of mail and web, telephone numbers and other long numbers, and identifiers such as order numbers."""

import re
from collections.abc import Iterator

from hummdesk.ai import personal_data
from hummdesk.ai.facts.found import Fact

_SCHEME = re.compile(r"^(?:[a-z]+:(?://)?)?(?:www\.)?")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3}){3}")
"""An IPv4 address that is also a number: `1.000.000.000`."""
_TOKEN = re.compile(r"(?<![\w#])#?[A-Za-z\d]+(?:[-/_][A-Za-z\d]+|\.\d+)*")
_IDENTIFIER = re.compile(r"#\d|[A-Za-z].*\d")
"""A letter before a digit; `30-day` and `24h` are numbers with a unit."""


def addresses(text: str) -> Iterator[Fact]:
    spans = [*personal_data.emails(text), *personal_data.written_emails(text), *personal_data.links(text)]
    for start, end in personal_data.merged(spans):
        address = _plain(text[start:end])
        readings = {f"address:{address}"}
        if _GROUPED.fullmatch(address):
            readings.add(f"number:{int(address.replace('.', ''))}")
        yield Fact(kind="address", start=start, end=end, readings=frozenset(readings))


def long_numbers(text: str) -> Iterator[Fact]:
    """Find telephone, account and other numbers of at least seven digits, however they are grouped."""
    for start, end in personal_data.merged([*personal_data.ibans(text), *personal_data.numbers(text)]):
        signs = "".join(sign for sign in text[start:end].casefold() if sign.isalnum())
        yield Fact(
            kind="number",
            start=start,
            end=end,
            readings=frozenset({f"number:{signs.lstrip('0') or '0'}", f"identifier:{signs}"}),
        )


def identifiers(text: str) -> Iterator[Fact]:
    """Find words of letters and digits, such as `AB-1234` and `#1234`."""
    for found in _TOKEN.finditer(text):
        if _IDENTIFIER.search(found[0]):
            signs = "".join(sign for sign in found[0].casefold() if sign.isalnum())
            also = {f"number:{signs.lstrip('0') or '0'}"} if signs.isdecimal() else set()
            yield Fact(
                kind="identifier",
                start=found.start(),
                end=found.end(),
                readings=frozenset({f"identifier:{signs}"} | also),
            )


def _plain(address: str) -> str:
    return _SCHEME.sub("", address.casefold()).rstrip("/").replace(" ", "")
