"""Facts of a text that a reader relies on: numbers, amounts, dates, times, addresses, identifiers and promises.

`unsupported` compares a draft with its sources. Facts are compared by value, not by their words: `€1,299.00` is
`1 299 EUR`, `five working days` is `5 Werktage`, and `we refund` is `wir erstatten`. Pure, without a
model; `docs/ai.md` lists what is recognized in which language.

Many verbs in one sentence take quadratic time, since the particle of each, as in `betalen ... terug`, is searched up to
the end; sources are cut at 4,000 characters (`external/inputs.py`).
"""

from collections.abc import Iterable

from hummdesk.ai.facts.addresses import addresses, identifiers, long_numbers
from hummdesk.ai.facts.dates import dates, times
from hummdesk.ai.facts.found import BLANK, Fact, FactKind, normalized
from hummdesk.ai.facts.numbers import amounts, list_numbers, numbers, ordinals
from hummdesk.ai.facts.promises import promises
from hummdesk.ai.facts.questions import is_asked
from hummdesk.ai.facts.references import can_be_referred_to, is_reference

__all__ = ["Fact", "FactKind", "facts", "normalized", "references", "unsupported", "values"]

FINDERS = (addresses, dates, times, amounts, long_numbers, list_numbers, identifiers, numbers)
"""In this order: each searches what the ones before it left."""


def facts(text: str) -> list[Fact]:
    """Return the facts of a text: each digit is a part of one, except those that number the lines of a list."""
    text = rest = normalized(text)
    found: list[Fact] = []
    for find in FINDERS:
        one_kind = list(find(rest))
        found += one_kind
        for fact in one_kind:
            rest = rest[: fact.start] + BLANK * (fact.end - fact.start) + rest[fact.end :]
    return [one for one in sorted(found, key=lambda one: one.start) if one.kind != "list"] + promises(text)


def values(text: str, *, is_done_said: bool = True) -> frozenset[str]:
    """Return the values that a source supports; without those of "we have done it" unless `is_done_said`.

    A canned reply or past answer that says what was done says so of another customer.
    """
    known: set[str] = set(ordinals(normalized(text)))
    for fact in facts(text):
        if fact.is_done and not is_done_said:
            continue
        known |= fact.readings | fact.implied
    return frozenset(known)


def references(text: str) -> frozenset[str]:
    """Return the values to which a reply to a customer's text may refer."""
    return frozenset[str]().union(*(fact.readings for fact in facts(text) if can_be_referred_to(fact)))


def unsupported(
    text: str,
    known: Iterable[frozenset[str]],
    *,
    stated: frozenset[str] = frozenset(),
    asked: frozenset[str] = frozenset(),
) -> Fact | None:
    """Return the first fact of a text of which no source has the value; `known` are the `values` of the sources.

    `stated` are the `references` of the customer, which support nothing but references. `asked` are values that the
    sentences may have which are questions.
    """
    supported, text = frozenset[str]().union(*known), normalized(text)
    found = facts(text)

    def is_supported(fact: Fact) -> bool:
        return (
            not supported.isdisjoint(fact.readings)
            or (not stated.isdisjoint(fact.readings) and is_reference(text, fact))
            or (not asked.isdisjoint(fact.readings) and is_asked(text, fact, found))
        )

    return next((fact for fact in found if not is_supported(fact)), None)
