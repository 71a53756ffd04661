"""Dates, weekdays and times of day, in the formats and languages of `words.json`."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from hummdesk.ai.facts.found import WORDS, Fact, Vocabulary, alternatives, numbered

_MONTHS = numbered(WORDS["months"])
_WEEKDAYS = numbered(WORDS["weekdays"])
_SHORT_WEEKDAYS = numbered(WORDS["short_weekdays"])
_DAYS = Vocabulary(WORDS["days"])

_MONTH_WORDS = [word for words in WORDS["months"] for word in words]
_VERBS = ("may", "march")
"""Months that are lower-case words of other meanings behind a number: "up to 5 may be returned"."""
_OTHER_MONTHS = alternatives(word for word in _MONTH_WORDS if word not in _VERBS)
_MONTH = rf"(?P<month>{_OTHER_MONTHS}|(?-i:May|March|MAY|MARCH))(?![^\W_])\.?"
_LONG_MONTHS = [word for word in _MONTH_WORDS if len(word) > 4 and word not in WORDS["ambiguous_months"]]
_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_YEAR = r"(?P<year>\d{4})"
_OF = r"(?:of |de |del |d')?"

_NUMERIC = re.compile(
    rf"(?<![\d.])(?P<first>\d{{1,2}})(?P<by>[./-])(?P<second>\d{{1,2}})(?P=by)(?P<year>\d{{4}}|\d\d){_AFTER}"
)
_SHORT = re.compile(r"(?<![\d.,€$£])(?<![€$£] )(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?!\d)")
_NAMED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})(?P<by>[-./])(?P<number>\d{1,2})(?P=by)(?P<day>\d{1,2})(?!\d)",
        r"(?:(?P<year>\d{4})年)?(?P<number>\d{1,2})月(?P<day>\d{1,2})日",
        rf"(?<![\d.,])(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)? ?{_OF}{_MONTH}(?:,? {_OF}{_YEAR}(?!\d))?",
        rf"{_BEFORE}{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:])(?:,? {_YEAR}(?!\d))?",
        rf"{_BEFORE}{_MONTH},? {_OF}{_YEAR}(?!\d)",
        rf"{_BEFORE}(?P<month>{alternatives(_LONG_MONTHS)}){_AFTER}",
    )
]
_WEEKDAY = re.compile(rf"{_BEFORE}(?:{_WEEKDAYS.pattern}){_AFTER}", re.IGNORECASE)
_SHORT_RANGE = re.compile(
    rf"{_BEFORE}({_SHORT_WEEKDAYS.pattern})\.? ?- ?({_SHORT_WEEKDAYS.pattern}){_AFTER}", re.IGNORECASE
)
_DAY = re.compile(
    rf"(?<!guten )(?<!jeden )(?<!diesen )(?<!la )(?<!esta ){_BEFORE}(?:{_DAYS.pattern}){_AFTER}", re.IGNORECASE
)

_HALF = r"(?P<half>[ap])\.? ?m\.?(?![^\W_])"
_TIMES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\d:])(?P<hour>\d{{1,2}}):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:])(?: ?{_HALF})?(?: ?uhr{_AFTER})?",
        rf"(?<![\d:.,])(?P<hour>\d{{1,2}})(?:\.(?P<minute>[0-5]\d))? ?{_HALF}",
        rf"(?<![\d:.,])(?P<hour>\d{{1,2}})(?:\.(?P<minute>[0-5]\d))? ?uhr{_AFTER}",
        rf"(?<![\d:.,])(?P<hour>\d{{1,2}}) ?h ?(?P<minute>[0-5]\d){_AFTER}",
    )
]


def dates(text: str) -> Iterator[Fact]:
    """Find dates, months, weekdays and words such as `tomorrow`; those that overlap an earlier one are left out."""
    yield from _apart(chain(_numeric_dates(text), _named_dates(text), _short_dates(text), _days(text)))


def _numeric_dates(text: str) -> Iterator[Fact]:
    for found in _NUMERIC.finditer(text):
        first, second = int(found["first"]), int(found["second"])
        orders = [(first, second)] if found["by"] == "." else [(first, second), (second, first)]
        year = found["year"] if len(found["year"]) == 4 else f"20{found['year']}"
        readings = frozenset(f"date:{year}-{month:02}-{day:02}" for day, month in orders if _is_day(day, month))
        if readings:
            yield _date(found, readings)


def _named_dates(text: str) -> Iterator[Fact]:
    for pattern in _NAMED:
        for found in pattern.finditer(text):
            if (reading := _reading(found)) is not None:
                yield _date(found, frozenset({reading}))


def _short_dates(text: str) -> Iterator[Fact]:
    """Find days and months, `3.5.`, which may be numbers at the end of a sentence."""
    for found in _SHORT.finditer(text):
        day, month = int(found["day"]), int(found["number"])
        if _is_day(day, month):
            number = f"number:{day}.{found['number'].rstrip('0')}".rstrip(".")
            yield _date(found, frozenset({f"date:-{month:02}-{day:02}", number}))


def _days(text: str) -> Iterator[Fact]:
    for found in _WEEKDAY.finditer(text):
        yield _date(found, frozenset({f"weekday:{_WEEKDAYS[found[0]]}"}))
    for found in _SHORT_RANGE.finditer(text):
        yield _date(found, frozenset(f"weekday:{_SHORT_WEEKDAYS[found[group]]}" for group in (1, 2)))
    for found in _DAY.finditer(text):
        yield _date(found, frozenset({f"day:{_DAYS[found[0]]}"}))


def _apart(found: Iterable[Fact]) -> Iterator[Fact]:
    taken: set[int] = set()
    for fact in found:
        places = range(fact.start, fact.end)
        if taken.isdisjoint(places):
            taken.update(places)
            yield fact


def _reading(found: re.Match[str]) -> str | None:
    groups = found.groupdict()
    word = (groups.get("month") or "").rstrip(".")
    month = int(_MONTHS[word] if word else groups["number"])
    year, day = groups.get("year") or "", groups.get("day")
    if day is None:
        return f"date:{year}-{month:02}"
    return f"date:{year}-{month:02}-{int(day):02}" if _is_day(int(day), month) else None


def _is_day(day: int, month: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _date(found: re.Match[str], readings: frozenset[str]) -> Fact:
    return Fact(
        kind="date",
        start=found.start(),
        end=found.end(),
        readings=readings,
        implied=frozenset(part for reading in readings if reading.startswith("date:") for part in _parts(reading)),
    )


def _parts(reading: str) -> list[str]:
    """Return what is said as well by a date: day and month, month and year, month, year."""
    year, month, *day = reading.removeprefix("date:").split("-")
    parts = [f"date:{year}-{month}", f"date:-{month}"]
    parts += [f"date:-{month}-{day[0]}"] if day else []
    return [*parts, f"number:{year}"] if year else parts


def times(text: str) -> Iterator[Fact]:
    found = (_time(one) for pattern in _TIMES for one in pattern.finditer(text))
    yield from _apart(one for one in found if one is not None)


def _time(found: re.Match[str]) -> Fact | None:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    half = (found.groupdict().get("half") or "").casefold()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 24:
        return None
    numbers = {f"number:{hour}", f"number:{hour % 12 or 12}"} if minute == 0 else set()
    return Fact(
        kind="time",
        start=found.start(),
        end=found.end(),
        readings=frozenset({f"time:{hour:02}:{minute:02}"}),
        implied=frozenset(numbers),
    )
