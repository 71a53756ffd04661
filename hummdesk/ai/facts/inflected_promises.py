"""Promises in languages whose verbs contain their subject: Spanish, Italian, Portuguese and Polish.

An action (`inflected_promises.json`) is a promise in the first person (`cancelaremos`), as a participle behind
`hemos` or `será`, as an infinitive behind `vamos a`, and in the third person behind `nuestro equipo` or `se`. A
clause with a negation has none, nor has what goes on with it: `no podemos cancelar o modificar`. What directly
follows `si` is no promise either: `dígame si hemos cancelado`, but `si lo desea cancelamos`. All tables read every
text, so each knows the negations of all languages.
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
_NEGATIONS = frozenset(word for table in _TABLES.values() for word in table["negations"])
_OR = frozenset({"o", "u", "ou", "oppure", "lub", "albo"})
"""A denial includes what follows. Behind "and", a verb with its own subject is none: `no cobramos y reembolsamos`."""
_BUT = frozenset({"sino", "pero", "mas", "ma", "però", "ale"})
"""A denial ends, also for infinitives and participles."""
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
        self._clause = re.compile(f"({table['clauses']})")
        self._negations = _NEGATIONS - frozenset(table.get("no_negations", ()))
        self._denied = re.compile(table.get("denied", "(?!)"))
        self._receive = re.compile(table["receive"])
        self._received = {noun: action for action, nouns in table["received"].items() for noun in nouns}
        self._own, self._own_done = re.compile(table["own"]), re.compile(table["own_done"])
        self._already = re.compile(rf"(?:^| )(?:{table['already']})$")
        self._continued = re.compile(rf"(?:(?:{fillers})(?: |$))*$")
        self._if = re.compile(rf"(?:^| )(?:{table.get('if', '(?!)')})(?: (?:{fillers}))*$")
        participle, infinitive = re.compile(table["participle"]), re.compile(table["infinitive"])
        self._forms = (
            (participle, before(table["have"]), True),
            (participle, before(table["be"]), False),
            (infinitive, before(table["modals"]), False),
            (re.compile(table["singular"]), re.compile(rf"(?:^| )(?:{table['singular_after']})$"), False),
            (re.compile(table["of_subjects_done"]), before(f"{table['impersonal']}|{{subjects}}"), True),
            (re.compile(table["of_subjects"]), before(f"{table['impersonal']}|{{subjects}}"), False),
            (re.compile(table["of_impersonal"]), before(table["impersonal_present"]), False),
        )
        """Form of a verb, what stands before it, and whether it then says that something has been done.

        In the present, `si` and `se` at the beginning of a clause, and `si` behind a request such as `confirme`, are
        "if" in another language.
        """

    def find(self, sentence: str) -> Iterator[Promise]:
        text = sentence.casefold()
        for pattern, replacement in self._phrases:
            text = pattern.sub(replacement, text)
        last: tuple[re.Pattern[str], bool] | None = None
        is_denied = is_last_denied = False
        separator, *parts = ["", *self._clause.split(text)]
        for clause, following in zip(parts[::2], [*parts[1::2], ""], strict=True):
            words = _WORD.findall(clause)
            plain = " ".join(words)
            if words:
                is_denied = (
                    (is_denied and separator in _OR)
                    or not self._negations.isdisjoint(words)
                    or self._denied.search(plain) is not None
                )
            if separator in _BUT:
                is_last_denied = False
            separator = following
            if not is_denied and (received := self._receive.search(plain)) is not None:
                yield Promise(self._received[received["noun"]], is_done=False)
            for at, word in enumerate(words):
                if (action := self._verbs.fullmatch(word)) is None:
                    continue
                before = " ".join(words[max(0, at - _PRECEDING_WORDS) : at])
                form = self._form(word, before)
                is_last_denied = is_denied or (form is None and is_last_denied)
                last = form or self._continuation(word, before, last)
                if last is not None and not is_last_denied:
                    yield Promise(str(action.lastgroup), is_done=last[1])

    def _form(self, word: str, before: str) -> tuple[re.Pattern[str], bool] | None:
        """Return the form of a verb that makes a promise, and whether it says that something has been done."""
        for form, preceding, is_done in self._forms:
            if form.search(word) and (found := preceding.search(before)):
                return None if self._if.search(before[: found.start()]) else (form, is_done)
        if self._if.search(before):
            return None
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
