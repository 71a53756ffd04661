"""Promises: what the company says that it does, will do or has done, in eight languages.

A promise is an action (`promises.json`, `inflected_promises.json`) of the writer, `we will gladly refund`, or of nobody
named, `is refunded`, and what the customer is to receive, `you get your money back`. Requests to the customer,
questions and denials are none.
Promises are compared by their action, whatever the language: `wir erstatten` is `we refund`. What has been done counts
as another promise than what will be done.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hummdesk.ai.facts import inflected_promises
from hummdesk.ai.facts.found import Fact, Promise, verbs

_TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("promises.json").read_text(encoding="utf-8"))

_SENTENCE = re.compile(r"[^.!?。！？;:\n]+[.!?。！？;:\n]?")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|,")
_CAPITALIZED = re.compile(r"[A-ZÄÖÜ]")


def promises(text: str) -> list[Fact]:
    found: list[Fact] = []
    for sentence in _SENTENCE.finditer(text):
        if sentence[0].endswith("?"):
            continue
        for promise in _promises(sentence[0]):
            tense = "done" if promise.is_done else "will"
            found.append(
                Fact(
                    kind="promise",
                    start=sentence.start(),
                    end=sentence.end(),
                    readings=frozenset({f"promise:{tense}:{promise.action}"}),
                    is_done=promise.is_done,
                )
            )
    return found


def _promises(sentence: str) -> set[Promise]:
    return {promise for find in _LANGUAGES for promise in find(sentence)}


class _Chain:
    """A language in which the words between subject and verb are few: `we have already cancelled`.

    Each verb is read backwards through helping verbs and adverbs to its subject.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._verbs = verbs(table["verbs"])
        self._phrases = [(re.compile(rf"\b(?:{found})", re.IGNORECASE), to) for found, to in table["phrases"]]
        self._subjects = frozenset(table["subjects"])
        self._fillers = frozenset(table["fillers"])
        self._negations = frozenset(table["negations"])
        self._have = frozenset(table["have"])
        self._be = frozenset(table["be"])
        self._past_be = frozenset(table["past_be"])
        self._past = re.compile(table["past"])
        self._and = frozenset(table["and"])
        self._receive = re.compile(table["receive"], re.IGNORECASE)
        self._received = {noun: action for action, nouns in table["received"].items() for noun in nouns}
        self._denied = re.compile(rf"\b(?:{'|'.join(table['negations'])})\b", re.IGNORECASE)

    def find(self, sentence: str) -> Iterator[Promise]:
        text = sentence.casefold()
        for found in self._receive.finditer(text):
            if not self._denied.search(found[0]):
                yield Promise(self._received[found["noun"]], is_done=False)
        for pattern, replacement in self._phrases:
            text = pattern.sub(replacement, text)
        words, last = _WORD.findall(text), None
        for at, word in enumerate(words):
            if (action := self._verbs.fullmatch(word)) is None:
                continue
            promise = self._promise(words[:at], word, str(action.lastgroup), last)
            if promise is not None:
                yield promise
                last = promise

    def _promise(self, before: Sequence[str], verb: str, action: str, last: Promise | None) -> Promise | None:
        passed: set[str] = set()
        subject = ""
        for word in reversed(before):
            if word not in self._fillers:
                subject = word
                break
            passed.add(word)
        if passed & self._negations or subject in self._negations:
            return None
        is_past = self._past.search(verb) is not None
        has_done = bool(passed & self._have) and not passed & {"to"}
        if subject in self._subjects:
            return Promise(action, is_done=is_past and (has_done or not passed & (self._fillers - _ADVERBS)))
        if passed & self._be and is_past:
            return Promise(action, is_done=has_done or bool(passed & self._past_be))
        if subject in self._and and last is not None and not passed & self._be:
            return Promise(action, is_done=is_past and last.is_done)
        return None


class _Frame:
    """A language in which the verb may be far from its subject: promises are found by what a clause contains.

    A clause without subject goes on with that of the clause before: `wir haben geprüft und storniert`.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._verbs = verbs(table["verbs"])
        self._phrases = [(re.compile(found, re.IGNORECASE), to) for found, to in table["phrases"]]
        self._clause = re.compile(rf",|(?<![^\W_])(?:{table['clauses']})(?![^\W_])", re.IGNORECASE)
        self._customer = re.compile(table["customer"], re.IGNORECASE)
        self._subjects, self._passive, self._done, self._have, self._negations = (
            frozenset(table[name]) for name in ("subjects", "passive", "done", "have", "negations")
        )
        self._participle = re.compile(table["participle"])
        self._infinitive_marker = table["infinitive_marker"]
        self._nouns_are_capitalized = table["nouns_are_capitalized"]
        self._receive = re.compile(table["receive"], re.IGNORECASE)
        self._received = {noun: action for action, nouns in table["received"].items() for noun in nouns}

    def find(self, sentence: str) -> Iterator[Promise]:
        carried: set[str] = set()
        for clause in self._clause.split(sentence):
            for pattern, replacement in self._phrases:
                clause = pattern.sub(replacement, clause)
            words = [word for word in _WORD.findall(clause) if word != ","]
            plain = {word.casefold() for word in words}
            if plain & self._negations:
                continue
            if (received := self._receive.search(clause)) is not None:
                yield Promise(self._received[received["noun"].casefold()], is_done=False)
            helpers = plain & (self._subjects | self._passive | self._done | self._have)
            carried = helpers or (set() if self._customer.search(clause) else carried)
            yield from self._of_clause(words, carried)

    def _of_clause(self, words: Sequence[str], helpers: set[str]) -> Iterator[Promise]:
        for before, word in zip(["", *words], words, strict=False):
            if before == self._infinitive_marker or (
                self._nouns_are_capitalized and before and _CAPITALIZED.match(word)
            ):
                continue
            verb = word.casefold()
            if (action := self._verbs.fullmatch(verb)) is None:
                continue
            is_participle = self._participle.search(verb) is not None
            is_own, is_passive = bool(helpers & self._subjects), bool(helpers & (self._passive | self._done))
            if is_own or (is_passive and is_participle):
                is_done = is_participle and bool(helpers & (self._done | (self._have if is_own else frozenset())))
                yield Promise(str(action.lastgroup), is_done=is_done)


_ADVERBS = frozenset(_TABLE["adverbs"])
_LANGUAGES = (
    *(_Chain(_TABLE[language]).find for language in ("en", "fr")),
    *(_Frame(_TABLE[language]).find for language in ("de", "nl")),
    inflected_promises.find,
)
