"""What a user searches for: words, and filters such as `from:ada` or `before:2026-02-01`."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from unicodedata import east_asian_width

from hummdesk.core.errors import Invalid

State = Literal["open", "pending", "closed", "mine", "unassigned", "snoozed"]
STATES: tuple[State, ...] = get_args(State)
FILTERS = ("from", "label", "before", "after", "is")

PREFIX_LETTERS = 3
"""A shorter word is not searched as a prefix or as a part of a word."""
TYPO_LETTERS = 4
"""Shorter words are not corrected."""
MOST_WORDS = 10
"""Words that are searched as parts of words."""

_RUNS = re.compile(r"[^\W_]+")
"""The letters and digits of which trigrams are made."""
_TOKEN = re.compile(r'(?:(?P<name>[^\W\d_]+):(?!//))?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """`before` and `after` limit the last activity of a conversation; `sender` is a part of a name or an address."""

    words: tuple[str, ...] = ()
    sender: str | None = None
    label: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    states: frozenset[State] = frozenset()


@dataclass(slots=True)
class _Parts:
    words: list[str] = field(default_factory=list)
    filters: dict[str, str] = field(default_factory=dict)
    states: set[State] = field(default_factory=set)


def parse(text: str) -> SearchQuery:
    """Split words and filters. A word in quotes is no filter, and one of several words is a phrase.

    Raises Invalid for an unknown filter or value.
    """
    parts = _Parts()
    for token in _TOKEN.finditer(text):
        name, quoted, plain = token["name"], token["quoted"], token["plain"]
        value = (plain if quoted is None else quoted).strip()
        if name is None and plain is not None and plain.rstrip(":").lower() in FILTERS and plain.endswith(":"):
            raise _invalid(f"The filter `{plain}` needs a value, without a space before it.")
        if name is None:
            parts.words += [value] if value else []
        else:
            _add(parts, name.lower(), value)
    filters = parts.filters
    return SearchQuery(
        words=tuple(parts.words),
        sender=filters.get("from"),
        label=filters.get("label"),
        before=_day("before", filters.get("before")),
        after=_after(filters.get("after")),
        states=frozenset(parts.states),
    )


def prefix_query(words: tuple[str, ...]) -> str:
    """A tsquery that takes each word as a prefix, if it is long enough, or else as a whole word.

    The index returns the rows of all words with a prefix, of all accounts, before any are left out.
    """
    return " & ".join(map(_term, words))


def patterns(words: tuple[str, ...]) -> list[str]:
    """Patterns of ILIKE for parts of words, the one that the index can use best first; none if it can use none."""
    found = sorted(words[:MOST_WORDS], key=_longest_run, reverse=True)
    return [pattern(word) for word in found] if found and _longest_run(found[0]) >= PREFIX_LETTERS else []


def pattern(part: str) -> str:
    """The pattern of ILIKE for texts that contain a part."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", part) + "%"


def terms(words: tuple[str, ...]) -> list[str]:
    """The words that may be misspelled; none if one is too short to be corrected."""
    found = [part.lower() for word in words for part in re.findall(r"\w+", word)]
    return found if all(len(part) >= TYPO_LETTERS for part in found) and len(found) <= MOST_WORDS else []


def _longest_run(part: str) -> int:
    """The letters or digits in a row: fewer than three are no trigram, with which the index could begin."""
    return max((len(run) for run in _RUNS.findall(part)), default=0)


def _letters(part: str) -> int:
    """The letters of a word; an ideograph counts as a prefix alone."""
    return sum(PREFIX_LETTERS if east_asian_width(letter) in "WF" else 1 for letter in part)


def _add(parts: _Parts, name: str, value: str) -> None:
    if name not in FILTERS:
        known = ", ".join(f"`{one}:`" for one in FILTERS)
        raise _invalid(f'There is no filter `{name}:`; use {known}, or quote the text: "{name}:{value}".')
    if not value:
        raise _invalid(f"The filter `{name}:` needs a value.")
    if name == "is":
        parts.states.add(_state(value.lower()))
    elif name in parts.filters:
        raise _invalid(f"The filter `{name}:` can be given once.")
    elif name == "from" and _longest_run(value) < PREFIX_LETTERS:
        raise _invalid(f"The filter `from:` needs at least {PREFIX_LETTERS} letters or digits in a row.")
    else:
        parts.filters[name] = value


def _state(value: str) -> State:
    for state in STATES:
        if state == value:
            return state
    raise _invalid(f"`is:` takes {', '.join(f'`{one}`' for one in STATES)}, not `{value}`.")


def _after(value: str | None) -> datetime | None:
    """The beginning of the next day."""
    found = _day("after", value)
    return None if found is None else found + timedelta(days=1)


def _day(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise _invalid(f"`{name}:` takes a date like `2026-01-31`, not `{value}`.") from None
    if not 1970 <= day.year < 9999:
        raise _invalid(f"`{name}:` takes a date from 1970 on.")
    return datetime.combine(day, time(), UTC)


def _term(word: str) -> str:
    quoted = word.replace("\\", "\\\\").replace("'", "''")
    parts = re.findall(r"\w+", word)  # PostgreSQL looks for each of them
    return f"'{quoted}':*" if all(_letters(part) >= PREFIX_LETTERS for part in parts) else f"'{quoted}'"


def _invalid(message: str) -> Invalid:
    return Invalid(details={"search": [message]})
