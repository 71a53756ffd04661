"""Promises: what the company says that it does, will do or has done, in English, German and French.

A promise is an action (`promises.json`) of the writer, `we will gladly refund`, or of nobody named, `is refunded`, and
what the customer is to receive, `you get your money back`. Requests to the customer, questions and denials are none.
Promises are compared by their action, whatever the language: `wir erstatten` is `we refund`. What has been done counts
as another promise than what will be done.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hummdesk.ai.facts.found import Fact

_TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("promises.json").read_text(encoding="utf-8"))

_SENTENCE = re.compile(r"[^.!?。！？;:\n]+[.!?。！？;:\n]?")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|,")
_CLAUSE = re.compile(r",|(?<![^\W_])(?:und|oder|sowie|aber|denn)(?![^\W_])", re.IGNORECASE)
_GERMAN_NOUN = re.compile(r"[A-ZÄÖÜ]")


@dataclass(frozen=True, slots=True)
class _Promise:
    action: str
    is_done: bool


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


def _promises(sentence: str) -> set[_Promise]:
    return {*_ENGLISH.find(sentence), *_FRENCH.find(sentence), *_german(sentence)}


class _Chain:
    """A language in which the words between subject and verb are few: `we have already cancelled`.

    Each verb is read backwards through helping verbs and adverbs to its subject.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._verbs = _verbs(table["verbs"])
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

    def find(self, sentence: str) -> Iterator[_Promise]:
        text = sentence.casefold()
        for found in self._receive.finditer(text):
            if not self._denied.search(found[0]):
                yield _Promise(self._received[found["noun"]], is_done=False)
        for pattern, replacement in self._phrases:
            text = pattern.sub(replacement, text)
        words, last = _WORD.findall(text), None
        for at, word in enumerate(words):
            for action in (name for name, pattern in self._verbs.items() if pattern.fullmatch(word)):
                promise = self._promise(words[:at], word, action, last)
                if promise is not None:
                    yield promise
                    last = promise

    def _promise(self, before: Sequence[str], verb: str, action: str, last: _Promise | None) -> _Promise | None:
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
            return _Promise(action, is_done=is_past and (has_done or not passed & (self._fillers - _ADVERBS)))
        if passed & self._be and is_past:
            return _Promise(action, is_done=has_done or bool(passed & self._past_be))
        if subject in self._and and last is not None and not passed & self._be:
            return _Promise(action, is_done=is_past and last.is_done)
        return None


def _verbs(table: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {action: re.compile(pattern) for action, pattern in table.items()}


_ADVERBS = frozenset(_TABLE["adverbs"])
_ENGLISH, _FRENCH = _Chain(_TABLE["en"]), _Chain(_TABLE["fr"])
_DE: dict[str, Any] = _TABLE["de"]
_DE_VERBS = _verbs(_DE["verbs"])
_DE_SUBJECTS, _DE_PASSIVE, _DE_DONE, _DE_HAVE, _DE_NEGATIONS = (
    frozenset(_DE[name]) for name in ("subjects", "passive", "done", "have", "negations")
)
_DE_PARTICIPLE = re.compile(_DE["participle"])
_DE_RECEIVE = re.compile(_DE["receive"], re.IGNORECASE)
_DE_RECEIVED = {noun: action for action, nouns in _DE["received"].items() for noun in nouns}


def _german(sentence: str) -> Iterator[_Promise]:
    """Find promises in German, where the verb may be far from its subject: by what a clause contains.

    A clause without subject goes on with that of the clause before: `wir haben geprüft und storniert`.
    """
    carried: set[str] = set()
    for clause in _CLAUSE.split(sentence):
        words = [word for word in _WORD.findall(clause) if word != ","]
        plain = {word.casefold() for word in words}
        if plain & _DE_NEGATIONS:
            continue
        if (received := _DE_RECEIVE.search(clause)) is not None:
            yield _Promise(_DE_RECEIVED[received["noun"].casefold()], is_done=False)
        helpers = plain & (_DE_SUBJECTS | _DE_PASSIVE | _DE_DONE | _DE_HAVE)
        carried = helpers or (carried if not plain & {"sie", "du", "ihr", "bitte"} else set())
        yield from _german_verbs(words, carried)


def _german_verbs(words: Sequence[str], helpers: set[str]) -> Iterator[_Promise]:
    for before, word in zip(["", *words], words, strict=False):
        if before == "zu" or (_GERMAN_NOUN.match(word) and before):
            continue
        verb = word.casefold()
        is_participle = _DE_PARTICIPLE.search(verb) is not None
        is_own, is_passive = bool(helpers & _DE_SUBJECTS), bool(helpers & (_DE_PASSIVE | _DE_DONE))
        if not is_own and not (is_passive and is_participle):
            continue
        is_done = is_participle and bool(helpers & (_DE_DONE | (_DE_HAVE if is_own else frozenset())))
        for action in (name for name, pattern in _DE_VERBS.items() if pattern.fullmatch(verb)):
            yield _Promise(action, is_done=is_done)
