"""Promises in languages whose verbs contain their subject: Spanish, Italian, Portuguese and Polish.

An action (`inflected_promises.json`) is a promise in the first person (`cancelaremos`), as a participle behind `hemos`
or `será`, as an infinitive behind `vamos a`, and in the third person behind `nuestro equipo` or `se`. A clause with a
negation has none.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hummdesk.ai.facts.found import Promise, verbs

_TABLES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("inflected_promises.json").read_text(encoding="utf-8")
)

_WORD = re.compile(r"[^\W\d_]+")
_PRECEDING_WORDS = 8
"""Words before a verb that are searched for what belongs to it."""


class _Language:
    def __init__(self, table: Mapping[str, Any]) -> None:
        fillers, subjects = table["fillers"], rf"(?:{table['subjects']})(?: \w+){{0,3}}"

        def before(words: str) -> re.Pattern[str]:
            """Return a pattern of what ends with these words and fillers."""
            return re.compile(rf"(?:^| )(?:{words.replace('{subjects}', subjects)})(?: (?:{fillers}))*$")

        self._verbs = verbs(table["verbs"])
        self._phrases = [(re.compile(found), to) for found, to in table.get("phrases", ())]
        self._clause = re.compile(table["clauses"])
        self._negations, self._denied = frozenset(table["negations"]), re.compile(table.get("denied", "(?!)"))
        self._receive = re.compile(table["receive"])
        self._received = {noun: action for action, nouns in table["received"].items() for noun in nouns}
        self._own, self._own_done = re.compile(table["own"]), re.compile(table["own_done"])
        self._already = re.compile(rf"(?:^| )(?:{table['already']})$")
        self._continued = re.compile(rf"(?:(?:{fillers})(?: |$))*$")
        participle, infinitive = re.compile(table["participle"]), re.compile(table["infinitive"])
        self._forms = (
            (participle, before(table["have"]), True),
            (participle, before(table["be"]), False),
            (infinitive, before(table["modals"]), False),
            (re.compile(table["singular"]), re.compile(rf"(?:^| )(?:{table['singular_after']})$"), False),
            (re.compile(table["of_subjects_done"]), before(f"{table['impersonal']}|{{subjects}}"), True),
            (re.compile(table["of_subjects"]), before("{subjects}"), False),
            (re.compile(table["of_impersonal"]), before(table["impersonal"]), False),
        )
        """Form of a verb, what stands before it, and whether it then says that something has been done."""

    def find(self, sentence: str) -> Iterator[Promise]:
        text = sentence.casefold()
        for pattern, replacement in self._phrases:
            text = pattern.sub(replacement, text)
        last: tuple[re.Pattern[str], bool] | None = None
        for clause in self._clause.split(text):
            words = _WORD.findall(clause)
            plain = " ".join(words)
            is_denied = not self._negations.isdisjoint(words) or self._denied.search(plain) is not None
            if not is_denied and (received := self._receive.search(plain)) is not None:
                yield Promise(self._received[received["noun"]], is_done=False)
            for at, word in enumerate(words):
                if (action := self._verbs.fullmatch(word)) is None:
                    continue
                before = " ".join(words[max(0, at - _PRECEDING_WORDS) : at])
                last = self._form(word, before) or self._continuation(word, before, last)
                if last is not None and not is_denied:
                    yield Promise(str(action.lastgroup), is_done=last[1])

    def _form(self, word: str, before: str) -> tuple[re.Pattern[str], bool] | None:
        """Return the form of a verb that makes a promise, and whether it says that something has been done."""
        for form, preceding, is_done in self._forms:
            if form.search(word) and preceding.search(before):
                return form, is_done
        if self._own.search(word):
            return self._own, self._already.search(before) is not None
        return (self._own_done, True) if self._own_done.search(word) else None

    def _continuation(
        self, word: str, before: str, last: tuple[re.Pattern[str], bool] | None
    ) -> tuple[re.Pattern[str], bool] | None:
        """Return the form of the verb before if this one goes on with it: `hemos revisado y cancelado`."""
        return last if last is not None and last[0].search(word) and self._continued.match(before) else None


_LANGUAGES = [_Language(table) for table in _TABLES.values()]


def find(sentence: str) -> Iterator[Promise]:
    for language in _LANGUAGES:
        yield from language.find(sentence)
