"""Numbers, with their currency or unit: amounts of money, durations, percentages, measures."""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from hummdesk.ai.facts.found import WORDS, Fact, FactKind, Vocabulary, alternatives

_NUMBER_WORDS = Vocabulary(WORDS["numbers"])
_UNITS = Vocabulary(WORDS["units"])
_JOINED_UNITS = Vocabulary(WORDS["joined_units"])
_CURRENCIES = Vocabulary(WORDS["currencies"])
_ONE = alternatives(WORDS["one"])
_BEFORE_UNITS = frozenset(WORDS["numbers_before_units"])
"""Numbers in one language that are other words in another one, such as `sei`: they count with a unit only.

Behind them `ora` is "now": `sei ora iscritto`. Six hours are `sei ore`.
"""
_POLISH = re.compile("[ąćęłńśźż]", re.IGNORECASE)
"""In Polish, `ten` is "this"."""

_DIGITS = r"\d+(?:[.,']\d+)*(?: \d{3}(?!\d)(?:[.,]\d+)?)*"
_CURRENCY = _CURRENCIES.pattern
_UNIT = (
    rf"(?P<currency>{_CURRENCY})(?![^\W_])|(?P<unit>{_UNITS.pattern})(?![^\W_])"
    rf"|(?P<joined>{_JOINED_UNITS.pattern})"
)
_NUMBER = re.compile(
    rf"(?:(?<![^\W\d_])(?P<before>{_CURRENCY})\s?)?"
    rf"(?P<digits>{_DIGITS})(?:st|nd|rd|th|\.-|,-)?(?:[ -]?(?:{_UNIT}))?"
    rf"|(?<![^\W_])(?:(?P<word>{_NUMBER_WORDS.pattern})(?![^\W_])(?:[ -](?:{_UNIT.replace('?P<', '?P<w')}))?"
    rf"|(?:{_ONE})[ -](?P<one>{_UNITS.pattern})(?![^\W_]))",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?(?:-|to|until|and|or|bis|und|oder|à|a|et|ou|y|o|e|tot|en|of|do|lub|i|~)\s?", re.IGNORECASE)
_LIST_NUMBER = re.compile(
    r"(?m)(?:^[ \t>*•-]*(\d{1,2})[.)](?=\s|$))|\b(?:step|schritt|étape|paso|passo|passaggio|stap|krok)\s(\d{1,2})\b",
    re.IGNORECASE,
)


def list_numbers(text: str) -> Iterator[Fact]:
    """Find the numbers of the lines of a list, which say nothing."""
    for found in _LIST_NUMBER.finditer(text):
        yield Fact(kind="list", start=found.start(), end=found.end(), readings=frozenset())


def ordinals(text: str) -> list[str]:
    """Return the values of the numbers of lists, for sources."""
    return [f"number:{int(found[1] or found[2])}" for found in _LIST_NUMBER.finditer(text)]


def amounts(text: str) -> Iterator[Fact]:
    """Find amounts of money, which may be as long as telephone numbers."""
    return (fact for fact in numbers(text) if fact.kind == "amount")


def numbers(text: str) -> Iterator[Fact]:
    """Find numbers in digits and words. In a range, `3 to 5 days`, both have the unit."""
    after: Fact | None = None
    for found in reversed(list(_NUMBER.finditer(text))):
        fact = _fact(found)
        if after is not None and not fact.implied and after.implied and _RANGE.fullmatch(text, fact.end, after.start):
            fact = _with_unit(fact, next(iter(after.readings)).split(":")[1], after.kind)
        after = fact
        if not _is_other_word(found, text, has_unit=bool(fact.implied)):
            yield fact


def _is_other_word(found: re.Match[str], text: str, *, has_unit: bool) -> bool:
    word, unit = (found["word"] or "").casefold(), (found["wunit"] or "").casefold()
    if unit == "ora" and word in _BEFORE_UNITS:
        return True
    return not has_unit and (word in _BEFORE_UNITS or (word == "ten" and _POLISH.search(text) is not None))


def _fact(found: re.Match[str]) -> Fact:
    groups = {name: text.casefold() for name, text in found.groupdict().items() if text}
    currency = groups.get("before") or groups.get("currency") or groups.get("wcurrency")
    if "digits" in groups:
        numeric = _values(groups["digits"], is_amount=currency is not None)
    else:
        numeric = {_NUMBER_WORDS[groups["word"]]} if "word" in groups else {"1"}
    fact = Fact(
        kind="number",
        start=found.start(),
        end=found.end(),
        readings=frozenset(f"number:{value}" for value in numeric),
    )
    if currency is not None:
        return _with_unit(fact, _CURRENCIES[currency], "amount")
    if unit := groups.get("unit") or groups.get("wunit") or groups.get("one"):
        return _with_unit(fact, _UNITS[unit])
    if joined := groups.get("joined") or groups.get("wjoined"):
        return _with_unit(fact, _JOINED_UNITS[joined])
    return fact


def _with_unit(fact: Fact, unit: str, kind: FactKind = "number") -> Fact:
    readings = frozenset(value.replace("number:", f"{kind}:{unit}:", 1) for value in fact.readings)
    return replace(fact, kind=kind, readings=readings, implied=fact.readings)


def _values(digits: str, *, is_amount: bool) -> set[str]:
    """Return the values that the digits may have, in the number formats of the world."""
    separators = re.findall(r"[.,' ]", digits)
    groups = re.split(r"[.,' ]", digits)
    if not separators:
        return {_decimal(digits)}
    last, whole = separators[-1], "".join(groups[:-1])
    as_fraction, as_group = _decimal(f"{whole}.{groups[-1]}"), _decimal("".join(groups))
    is_grouped = all(len(group) in (2, 3) for group in groups[1:-1]) and len(groups[0]) <= 3
    if len(set(separators)) > 1:
        return {as_fraction} if separators.count(last) == 1 and is_grouped else {digits}
    if last in "' ":
        return {as_group}
    if len(separators) > 1:
        return {as_group} if is_grouped and len(groups[-1]) == 3 else {digits}
    if len(groups[-1]) != 3 or len(groups[0]) > 3 or groups[0].startswith("0"):
        return {as_fraction}
    return {as_group} if is_amount else {as_group, as_fraction}


def _decimal(digits: str) -> str:
    text = format(Decimal(digits), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
