"""Quoted and forwarded mails: which lines of a mail are its sender's own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hummdesk.ai.mail.phrases import HEADERS, Phrases, fold, phrases

MAX_HEADER_LINES = 20
MAX_ATTRIBUTION_LINES = 3
MAX_ATTRIBUTION = 300
"""Characters of "On …, … wrote:" with its wrapped lines."""
MAX_BARE_ATTRIBUTION_WORDS = 10
"""Words of an attribution without a verb, such as "Thu 13 Nov, Bookings:"."""

QUOTE_MARKS = (">", "＞")
_RULE = re.compile(r"[\s\-_=*~#.·\u2010-\u2015\u2500\u2501]{2,}")
_RULE_CHARACTERS = " \t-_=*~#.·<>\u2010\u2011\u2012\u2013\u2014\u2015\u2500\u2501"
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")
_BRACKETED_ADDRESS = re.compile(r"<[^\s<>@]+@[^\s<>@]+>")
_TIME = re.compile(r"(?<![\d.,:])(?:[01]?\d|2[0-3])[:.h時时点시]\s?[0-5]\d(?!\d)")
_FORWARDED, _ORIGINAL = frozenset(phrases("forwarded")), frozenset(phrases("original"))
_STARTS = Phrases((*phrases("starts"), *phrases("weekdays")))
_SENTENCE_ENDS = (".", "!", "?", "。")
_WROTE = phrases("wrote")

Marker = Literal["forwarded", "original"]


@dataclass(slots=True)
class Mail:
    """The lines of a mail."""

    own: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)
    """The text of a forwarded mail without its headers. A reply of Outlook looks the same."""
    forwarded_at: int = 0
    """How many own lines stand above it."""
    is_marked_as_forwarded: bool = False
    has_quotes: bool = False


def is_rule(line: str) -> bool:
    """Return whether the line only separates, such as `-----`."""
    return _RULE.fullmatch(line) is not None


def split(lines: Sequence[str]) -> Mail:
    """Separate the sender's own lines from quoted and forwarded mails."""
    return _Splitter(lines).split()


class _Splitter:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._folded = [fold(line) for line in lines]
        self._mail = Mail()

    def split(self) -> Mail:
        position = 0
        while position < len(self._lines):
            position = self._after_quoted(position) or self._own(position)
        return self._mail

    def _own(self, position: int) -> int:
        self._mail.own.append(self._lines[position])
        return position + 1

    def _after_quoted(self, position: int) -> int:
        """Return the position after what is quoted here; 0 if the line is the sender's own."""
        if self._is_quote(position):
            self._mail.has_quotes = True
            return self._after_quote(position)
        return self._after_marker(position) or self._after_headers(position) or self._after_attribution(position)

    def _is_quote(self, position: int) -> bool:
        return self._lines[position].startswith(QUOTE_MARKS) or (
            self._has_bar(position) and (self._has_bar(position + 1) or (position > 0 and self._has_bar(position - 1)))
        )

    def _has_bar(self, position: int) -> bool:
        """Return whether the line begins with a bar as a quote does, and is no row of a table."""
        return (
            position < len(self._lines)
            and self._lines[position].startswith("| ")
            and "|" not in self._lines[position][1:]
        )

    def _after_quote(self, position: int) -> int:
        while position < len(self._lines) and self._is_quote(position):
            position += 1
        return position

    def _next_text(self, position: int) -> int:
        while position < len(self._lines) and not self._folded[position]:
            position += 1
        return position

    def _marker(self, position: int) -> Marker | None:
        """Return what a line such as "---------- Forwarded message ---------" announces."""
        folded = self._folded[position]
        core = folded.strip(_RULE_CHARACTERS).rstrip(" :")
        if core not in _FORWARDED and core not in _ORIGINAL:
            return None
        is_decorated = folded[0] in _RULE_CHARACTERS or folded.endswith(":")
        following = self._next_text(position + 1)
        if not is_decorated and not (following < len(self._lines) and self._header(following)):
            return None
        return "forwarded" if core in _FORWARDED else "original"

    def _after_marker(self, position: int) -> int:
        marker = self._marker(position)
        if marker is None:
            return 0
        self._mail.is_marked_as_forwarded |= marker == "forwarded"
        following = self._next_text(position + 1)
        if following < len(self._lines) and self._is_quote(following):
            return self._after_quoted_forward(following)
        return self._forward(self._headers(following)[0])

    def _after_quoted_forward(self, position: int) -> int:
        """Take the text of a forwarded mail whose lines are quoted; the sender's own text may go on below it."""
        end = self._after_quote(position)
        inner = _Splitter([line.lstrip("|>＞ ") for line in self._lines[position:end]])
        self._mail.has_quotes = True
        self._mail.forwarded_at = len(self._mail.own)
        self._mail.forwarded = list(inner._lines[inner._next_text(inner._headers(0)[0]) :])
        return end

    def _forward(self, position: int) -> int:
        """Take the rest as a forwarded mail, without rules before its headers."""
        while self._mail.own and (not self._mail.own[-1].strip() or is_rule(self._mail.own[-1])):
            self._mail.own.pop()
        self._mail.forwarded_at = len(self._mail.own)
        self._mail.forwarded = list(self._lines[self._next_text(position) :])
        self._mail.has_quotes = True
        return len(self._lines)

    def _header(self, position: int) -> str | None:
        label, colon, _ = self._folded[position].partition(":")
        return HEADERS.get(label.strip()) if colon else None

    def _headers(self, position: int) -> tuple[int, set[str]]:
        """Return the position after the headers that begin here, and their kinds; single blank lines may separate them.

        A line behind recipients that contains another address continues them.
        """
        kinds: set[str] = set()
        end, last = position, ""
        for current in range(position, min(position + MAX_HEADER_LINES, len(self._lines))):
            if not self._folded[current]:
                if current > position and not self._folded[current - 1]:
                    break
                continue
            kind = self._header(current)
            if kind is None and last in ("from", "to", "cc") and _ADDRESS.search(self._folded[current]):
                end = current + 1
                continue
            if kind is None or (kind in kinds and kind != "other"):
                break
            kinds.add(kind)
            end, last = current + 1, kind
        return end, kinds

    def _after_headers(self, position: int) -> int:
        """Recognize a block of headers of Outlook and others. "From: Berlin, To: Rome, Date: …" is none."""
        if self._header(position) is None:
            return 0
        end, kinds = self._headers(position)
        block = self._folded[position:end]
        is_mail = bool(kinds & {"subject", "sent"}) or any(_ADDRESS.search(line) for line in block)
        return self._forward(end) if "from" in kinds and len(kinds) > 1 and is_mail else 0

    def _after_attribution(self, position: int) -> int:
        """Recognize "On …, … wrote:", also wrapped, before a quote or before an earlier mail without marks."""
        joined = ""
        for end in range(position + 1, min(position + MAX_ATTRIBUTION_LINES, len(self._lines)) + 1):
            line = self._folded[end - 1]
            joined = f"{joined} {line}".strip()
            if not line or len(joined) > MAX_ATTRIBUTION:
                return 0
            if not joined.endswith((":", ":>")):
                continue
            if not self._is_one_attribution(position, end):
                return 0
            following = self._next_text(end)
            if following < len(self._lines) and self._is_quote(following):
                return following if _is_attribution(joined, is_wrapped=end > position + 1) else 0
            return self._quote_rest() if _is_certain_attribution(joined) else 0
        return 0

    def _is_one_attribution(self, position: int, end: int) -> bool:
        """Return whether wrapped lines can be one attribution, not text above one."""
        first, *others = self._folded[position:end]
        if not others:
            return True
        can_begin = _begins_attribution(first) or _ADDRESS.search(first) is not None
        return can_begin and not first.endswith(_SENTENCE_ENDS) and not any(map(_begins_attribution, others))

    def _quote_rest(self) -> int:
        self._mail.has_quotes = True
        return len(self._lines)


def _begins_attribution(line: str) -> bool:
    return line[:1].isdigit() or _STARTS.at_start(line) is not None


def _has_verb(line: str) -> bool:
    return any(verb in line for verb in _WROTE)


def _has_digit(line: str) -> bool:
    return any(map(str.isdigit, line))


def _is_attribution(line: str, *, is_wrapped: bool) -> bool:
    """Return whether the line, which stands before a quote and ends with a colon, says who wrote it and when."""
    if _is_certain_attribution(line) or (_has_verb(line) and (_has_digit(line) or _ADDRESS.search(line) is not None)):
        return True
    is_short = not is_wrapped and len(line.split()) <= MAX_BARE_ATTRIBUTION_WORDS
    return is_short and _has_digit(line) and _begins_attribution(line)


def _is_certain_attribution(line: str) -> bool:
    """Return whether the line can only be an attribution, so that a mail without marks follows.

    "I wrote to ada@example.com on 3 May and got:" and "The invoice to ada@example.com over 49.99 says:" are none.
    """
    if _has_verb(line) and _has_digit(line):
        ends_with_verb = line.rstrip(" :>").endswith(_WROTE) and _ADDRESS.search(line) is not None
        return ends_with_verb or _BRACKETED_ADDRESS.search(line) is not None
    has_time = _TIME.search(line) is not None and _ADDRESS.search(line) is not None
    return has_time and _begins_attribution(line) and line.endswith(">:")
