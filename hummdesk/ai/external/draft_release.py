"""Release of a model's draft while it is generated: sentence by sentence, each after the checks of a whole draft.

What is released was checked as if the draft ended there, so that nothing is shown that the checks would refuse as a
draft. A sentence with markup, a part of the prompt, or a fact that no cited source has ends the release; the checks of
the whole draft then decide what is shown in its place.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hummdesk.ai.external.grounding import CitedSource
from hummdesk.ai.protocol import ProviderRefused, Show
from hummdesk.ai.text import SENTENCE_END

Check = Callable[[str, Sequence[CitedSource]], str]
"""Returns a draft that is made of these sources as it may be shown. Raises ProviderRefused."""

_DECODER = json.JSONDecoder()
_SEPARATORS = re.compile(r"[\s,:]*")
_ORDINAL_END = re.compile(r"\d\.\Z")
_UNFINISHED_ESCAPE = re.compile(r"(?:\\u[dD][89abAB][0-9A-Fa-f]{2})?(?:\\(?:u[0-9A-Fa-f]{0,3})?)?\Z")
"""At the end of the text received so far; also the first half of a surrogate pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDraft:
    """An answer that is not whole: its outcome and sources are known, and its content up to here."""

    sources: list[CitedSource]
    content: str
    is_whole: bool
    """The content is."""


class DraftRelease:
    """Receives an answer in pieces, and shows the sentences that pass the checks."""

    def __init__(self, check: Check, show: Show) -> None:
        self._check = check
        self._show = show
        self._text = ""
        self._shown = ""
        self._released = 0
        """Characters of the content."""
        self._is_refused = False

    def feed(self, piece: str) -> None:
        self._text += piece
        if self._is_refused or (draft := partial_draft(self._text)) is None:
            return
        end = len(draft.content) if draft.is_whole else _end_of_sentences(draft.content)
        if end > self._released:
            self._released = end
            self._release(draft.content[:end], draft.sources)

    def _release(self, content: str, sources: list[CitedSource]) -> None:
        try:
            shown = self._check(content, sources)
        except ProviderRefused:
            self._is_refused = True
            return
        if shown.startswith(self._shown):
            self._shown = shown
            self._show(shown)


def partial_draft(text: str) -> PartialDraft | None:
    """Read an answer that is generated in the order of its schema; None before its content, or if there is none.

    An answer with anything before its JSON object is not shown in parts: which object counts is known at its end.
    """
    fields: dict[str, object] = {}
    position = len(text) - len(text.lstrip())
    if text[position : position + 1] != "{":
        return None
    position += 1
    while (name := _value(text, position)) is not None:
        key, position = name
        value = _value(text, position)
        if value is None:
            return _draft(fields, _begun_string(text, position), is_whole=False) if key == "content" else None
        if key == "content":
            return _draft(fields, value[0], is_whole=True)
        fields[str(key)], position = value
    return None


def _value(text: str, position: int) -> tuple[object, int] | None:
    """Decode the next value and return the position after it; None if it is not whole."""
    try:
        value, end = _DECODER.raw_decode(text, _after_separators(text, position))
    except (ValueError, RecursionError):
        return None
    return (value, end) if end < len(text) else None  # a number at the end may go on


def _after_separators(text: str, position: int) -> int:
    found = _SEPARATORS.match(text, position)
    return found.end() if found else position


def _begun_string(text: str, position: int) -> object:
    """Decode a string that has no end yet."""
    begin = _after_separators(text, position)
    if text[begin : begin + 1] != '"':
        return None
    try:
        return _DECODER.decode(f'{_UNFINISHED_ESCAPE.sub("", text[begin:])}"')
    except ValueError:
        return None


def _draft(fields: dict[str, object], content: object, *, is_whole: bool) -> PartialDraft | None:
    sources = fields.get("sources")
    if fields.get("outcome") != "answered" or not isinstance(sources, list) or not isinstance(content, str):
        return None
    cited = [CitedSource(str(one.get("id")), str(one.get("quote"))) for one in sources if isinstance(one, dict)]
    return PartialDraft(sources=cited, content=content, is_whole=is_whole)


def _end_of_sentences(content: str) -> int:
    """Return the end of the last sentence that another one, or a space, follows.

    A digit and a dot may be the beginning of a date: `3. Mai`.
    """
    ends = (found.start() for found in SENTENCE_END.finditer(content))
    return max((end for end in ends if not _ORDINAL_END.search(content, 0, end)), default=0)
