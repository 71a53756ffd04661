"""Articles of which one says the same as another one with other figures: the newest one counts."""

from collections.abc import Sequence
from functools import lru_cache

from hummdesk.ai.embedded.embedding import embed
from hummdesk.ai.facts import Fact, facts, normalized
from hummdesk.ai.text import SENTENCE_END

SIMILARITY = 0.77
"""Least similarity in meaning, with the titles, of two sentences of which one may contradict the other."""
CACHED_TEXTS = 50
"""More than the articles of one draft."""


def contradict(first: str, second: str, *, titles: tuple[str, str]) -> bool:
    """Return whether two texts have sentences that say the same but for an amount, a number with a unit, or a time.

    Numbers without a unit may belong to names, as in "Model 3": they must be the same in both sentences.
    """
    candidates = [
        (f"{titles[0]}. {own_text}", f"{titles[1]}. {other_text}")
        for own_text, own in _sentences(first)
        for other_text, other in _sentences(second)
        if _differ(own, other)
    ]
    texts = list(dict.fromkeys(text for pair in candidates for text in pair))
    vectors = dict(zip(texts, embed(texts), strict=True))
    return any(float(vectors[own] @ vectors[other]) >= SIMILARITY for own, other in candidates)


@lru_cache(maxsize=CACHED_TEXTS)
def _sentences(text: str) -> list[tuple[str, Sequence[Fact]]]:
    """Return the sentences that have facts, each without its facts, and these."""
    found = [
        (sentence, [one for one in facts(sentence) if one.kind != "promise"]) for sentence in SENTENCE_END.split(text)
    ]
    return [(_without(normalized(sentence), own), own) for sentence, own in found if own]


def _without(text: str, found: Sequence[Fact]) -> str:
    for fact in reversed(found):
        text = f"{text[: fact.start]}…{text[fact.end :]}"
    return text


def _differ(first: Sequence[Fact], second: Sequence[Fact]) -> bool:
    own, other = _by_unit(first), _by_unit(second)
    if own.pop("", frozenset()) != other.pop("", frozenset()):
        return False
    return any(own[unit].isdisjoint(other[unit]) for unit in own.keys() & other.keys())


def _by_unit(found: Sequence[Fact]) -> dict[str, frozenset[str]]:
    """Return the readings by kind and unit; those of numbers without a unit and of identifiers by an empty string."""
    by_unit: dict[str, frozenset[str]] = {}
    for fact in found:
        for reading in fact.readings:
            unit = _unit(fact, reading)
            by_unit[unit] = by_unit.get(unit, frozenset()) | {reading}
    return by_unit


def _unit(fact: Fact, reading: str) -> str:
    match fact.kind:
        case "number" | "amount":
            return reading.rpartition(":")[0].removeprefix("number")
        case "date" | "time":
            return fact.kind
        case _:
            return ""
