"""Signatures, lines of phone programs and legal disclaimers at the end of a mail's own text."""

import re
from collections.abc import Sequence
from functools import cache

from hummdesk.ai.mail.phrases import Phrases, fold, is_unspaced, phrases
from hummdesk.ai.mail.quotes import is_rule

SEARCHED_LINES = 80
"""Lines at the end of a text that are searched; more if all of these are signatures and disclaimers."""
SIGNATURE_LINES = 15
"""Lines, blank ones included, that are searched for the beginning of a signature."""
MAX_SIGNATURE_LINE, MAX_SIGNATURE_WORDS = 90, 9
MAX_DEVICE_WORDS = 10
MAX_UNSPACED_NAME = 4
"""Characters of a name in Chinese, Japanese and Korean."""
MAX_CASELESS_NAME_WORDS = 2
"""Words of a name in a script without capitals, in which a name looks like any other words."""
MIN_UNSEPARATED_CLOSING = 3
"""Characters of a phrase that a name may follow without a comma: "LG Fernseher" is no closing."""
MAX_WORDS_BEFORE_DISCLAIMER = 8
"""Words of a line before the first phrase of a disclaimer. A line with more is the sender's own."""
MIN_PHONE_DIGITS = 7
MAX_NAME_WORDS = 4

_DELIMITER = "--"
_INFORMAL_DELIMITERS = frozenset(("---", "—", "––", "___", "***"))
_QUESTION_MARKS = "?？؟"
_SENTENCE_ENDS = (".", "!", "。", "！", "।", "…")
_POSTSCRIPTS = ("ps", "p.s", "p. s", "pps")
_FIELDS = re.compile(r"\s[|·•‖∙]\s")
_LINK = re.compile(r"(?:https?://|www\.)\S+|[^\s@<>]+@[^\s@<>]+")
_DISCLAIMERS = phrases("disclaimers")
_ASCII_DISCLAIMERS = tuple(filter(str.isascii, _DISCLAIMERS))
_REFERENCES = phrases("references")
_PROGRAMS = phrases("programs")
_DEVICES, _CLOSINGS = Phrases(phrases("devices")), Phrases(phrases("closings"))
_SEPARATORS = "-–—~ ,.!;:。、،"
_AFTER_NAMES = ("敬上", "谨上", "드림", "올림")
"""Closings that stand behind the name."""
_TURKISH_DEVICES = tuple(phrase for phrase in phrases("devices") if phrase.endswith("gönderildi"))
_PHONES = frozenset(phrases("phones"))


def without_signature(lines: Sequence[str]) -> list[str]:
    """Remove all that stands at the end and is no text: signature, phone program, disclaimer, blank lines."""
    end = len(lines)
    while end:
        head = max(0, end - SEARCHED_LINES)
        if text := _Ending(lines[head:end]).text():
            return [*lines[:head], *text]
        end = head
    return []


class _Ending:
    """The last lines of a text. Each is judged once, however often the search for a signature begins again."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._folded = [fold(line) for line in lines]
        self._begins_disclaimer = cache(_begins_disclaimer)
        self._fits_signature = cache(_fits_signature)
        self._is_contact = cache(_is_contact)

    def text(self) -> Sequence[str]:
        end = self._end_of_text(len(self._lines))
        while (start := self._start(end)) < end:
            end = self._end_of_text(start)
        return self._lines[:end]

    def _end_of_text(self, end: int) -> int:
        while end and (not self._folded[end - 1] or is_rule(self._lines[end - 1])):
            end -= 1
        return end

    def _start(self, end: int) -> int:
        """Return where the last signature or disclaimer before `end` begins; `end` if there is none."""
        if end and _is_device(self._folded[end - 1]):
            return end - 1
        return min(self._disclaimer(end), self._delimiter(end), self._closing(end), self._contact(end))

    def _nearest(self, end: int) -> range:
        return range(end - 1, max(-1, end - 1 - SIGNATURE_LINES), -1)

    def _disclaimer(self, end: int) -> int:
        """Return the first line of the last paragraph that begins a disclaimer, unless the paragraph asks something."""
        start = end
        while start and self._folded[start - 1]:
            start -= 1
        if any(map(_asks, self._folded[start:end])):
            return end
        return next((number for number in range(start, end) if self._begins_disclaimer(self._folded[number])), end)

    def _delimiter(self, end: int) -> int:
        """Return the highest line `-- ` (RFC 3676, section 4.3) or the like.

        Below the latter only lines of a signature may stand, a name or a contact first.
        """
        found, fits = end, True
        for number in self._nearest(end):
            line = self._lines[number].strip()
            if _asks(line):
                break
            is_informal = line in _INFORMAL_DELIMITERS and fits and number + 1 < end
            if line == _DELIMITER or (is_informal and self._may_be_first(number + 1)):
                found = number
            fits = fits and self._fits_signature(self._folded[number])
        return found

    def _closing(self, end: int) -> int:
        """Return the highest line such as "Best regards" below which only lines of a signature stand, a name first."""
        found = end
        for number in self._nearest(end):
            if _is_closing(self._lines[number], self._folded[number]) and self._is_signed(number + 1, end):
                found = number
            elif not self._fits_signature(self._folded[number]) or _is_sentence(self._lines[number]):
                break
        return found

    def _is_signed(self, number: int, end: int) -> bool:
        """Return whether nothing follows before `end`, or first a name, a contact or another closing."""
        while number < end and not self._folded[number]:
            number += 1
        if number == end:
            return True
        line, folded = self._lines[number], self._folded[number]
        names = (line, line.partition(",")[0])
        return any(map(_is_signer, names)) or self._is_contact(folded) or _is_closing(line, folded)

    def _may_be_first(self, number: int) -> bool:
        return _is_name(self._lines[number]) or self._is_contact(self._folded[number])

    def _contact(self, end: int) -> int:
        """Return where the last lines begin if they are a name with phone numbers, addresses or other fields."""
        start = end
        while start > max(0, end - SIGNATURE_LINES) and self._folded[start - 1]:
            if not self._fits_signature(self._folded[start - 1]):
                break
            start -= 1
        while start < end and not self._may_be_first(start):
            start += 1
        if start == end or _mentions_reference(self._folded[start]):
            return end
        block = self._folded[start:end]
        is_introduced = start > 0 and self._lines[start - 1].rstrip().endswith((":", "："))
        has_fields = any(map(_has_fields_of_person, self._lines[start:end]))
        is_named = len(block) > 1 and _is_name(self._lines[start]) and any(map(self._is_contact, block))
        return start if (is_named or has_fields) and not is_introduced else end


def _is_device(folded: str) -> bool:
    text = folded.strip("-_—– .[]()<>")
    if len(text.split()) > MAX_DEVICE_WORDS or not any(program in text for program in _PROGRAMS):
        return False
    return _DEVICES.at_start(text) is not None or text.endswith(_TURKISH_DEVICES)


def _asks(line: str) -> bool:
    return any(mark in line for mark in _QUESTION_MARKS)


def _begins_disclaimer(folded: str) -> bool:
    phrases_of_script = _ASCII_DISCLAIMERS if folded.isascii() else _DISCLAIMERS
    found = [position for phrase in phrases_of_script if (position := folded.find(phrase)) >= 0]
    return bool(found) and len(folded[: min(found)].split()) <= MAX_WORDS_BEFORE_DISCLAIMER


def _is_closing(line: str, folded: str) -> bool:
    """Return whether the line is a closing, alone or with a name: "Best regards, Ada", "홍길동 드림".

    Many closings also begin a request, such as "Respectfully, I want a refund".
    """
    text = folded.strip(_SEPARATORS)
    phrase = _CLOSINGS.at_start(text)
    if phrase is None or phrase in _AFTER_NAMES:
        return _is_closing_behind_name(text)
    rest = text[len(phrase) :]
    if not rest:
        return True
    name = rest.lstrip(_SEPARATORS)
    if is_unspaced(phrase[0]):
        return _CLOSINGS.at_start(name) == name or (len(name) < len(rest) and len(name) <= MAX_UNSPACED_NAME)
    if _asks(folded) or folded.endswith(_SENTENCE_ENDS):
        return False
    is_separated = rest.lstrip()[0] in _SEPARATORS
    written = " ".join(line.split()[-len(name.split()) :])
    if " " in phrase and len(name.split()) == 1:
        return True
    if is_separated:
        return _is_signer(written)
    return len(phrase) >= MIN_UNSEPARATED_CLOSING and _is_name(written) and not line.isupper()


def _is_closing_behind_name(text: str) -> bool:
    phrase = next(filter(text.endswith, _AFTER_NAMES), None)
    if phrase is None:
        return False
    name = text.removesuffix(phrase).rstrip()
    return len(name) <= MAX_UNSPACED_NAME


def _is_signer(line: str) -> bool:
    """Return whether the line can be a name below or behind a closing, also in a script without capitals."""
    words = line.replace(",", " ").split()
    if not words or line.rstrip().endswith(_SENTENCE_ENDS):
        return False
    if any(character.isupper() or character.islower() for character in line):
        return _is_name(line)
    is_short = len(words) <= MAX_CASELESS_NAME_WORDS
    return is_short and not any(map(str.isdigit, line))


def _fits_signature(folded: str) -> bool:
    """Return whether the line is short and no question, postscript or number of an order."""
    if len(folded) > MAX_SIGNATURE_LINE or _asks(folded):
        return False
    if folded.startswith(_POSTSCRIPTS) and not folded[:4].isalpha():
        return False
    words = folded.split()
    if any(map(str.isdigit, folded)) and _mentions_reference(folded):
        return _is_contact(folded) and _FIELDS.search(folded) is not None
    return len(words) <= MAX_SIGNATURE_WORDS or _is_contact(folded)


def _mentions_reference(folded: str) -> bool:
    """Return whether the line is about an order, a contract or the like, whose number may be the matter."""
    return any(reference in folded for reference in _REFERENCES)


def _is_sentence(line: str) -> bool:
    """Return whether the line ends or begins as a sentence does that is none of a signature."""
    words = line.split()
    if is_unspaced(line[:1]):
        return line.endswith(_SENTENCE_ENDS)
    return len(words) > MAX_NAME_WORDS and (line.endswith(_SENTENCE_ENDS) or line[0].islower())


def _has_fields_of_person(line: str) -> bool:
    """Return whether the line is like "Ada Lovelace | Engines | +44 20 7946 0000", and no row of a table."""
    fields = _FIELDS.split(line)
    digits = sum(map(str.isdigit, line))
    is_row = 0 < digits < MIN_PHONE_DIGITS and not any(
        field.split()[0].casefold().strip(".:") in _PHONES for field in fields if field.strip()
    )
    return len(fields) > 2 and len(fields[0].split()) > 1 and _is_name(fields[0]) and not is_row


def _is_name(line: str) -> bool:
    """Return whether the line consists of a few capitalized words without digits, or of fields that begin with one."""
    words = _FIELDS.split(line, maxsplit=1)[0].replace(",", " ").split()
    return (
        0 < len(words) <= MAX_NAME_WORDS
        and not any(map(str.isdigit, line))
        and all(word[0].isupper() or word[0] in "(&" for word in (words[0], words[-1]))
        and not line.rstrip().endswith((".", "!", "?", ":"))
    )


def _is_contact(folded: str) -> bool:
    """Return whether the line has fields, or is little but a phone number, a link or an address."""
    if _FIELDS.search(folded) is not None:
        return True
    label, _, _ = folded.partition(" ") if ":" not in folded else folded.partition(":")
    has_number = sum(map(str.isdigit, folded)) >= MIN_PHONE_DIGITS
    rest, links = _LINK.subn("", folded)
    if label.strip(" .:") in _PHONES and (has_number or links):
        return True
    letters = sum(map(str.isalpha, rest))
    return (has_number and letters <= MAX_NAME_WORDS and folded.startswith(("+", "0", "(", "☎", "📞"))) or (
        links > 0 and letters <= MAX_NAME_WORDS
    )
