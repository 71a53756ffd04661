"""References to what a customer has stated: the number of an order, an invoice or the like, behind such a word."""

import re

from hummdesk.ai.facts.found import WORDS, Fact, alternatives

_LONGEST = 80
"""Characters that are searched before a number."""
_REFERENCE = re.compile(
    rf"(?<![^\W_])(?:{alternatives(WORDS['references'])})"
    rf"(?:,? ?(?:with the |with |mit der |avec le )?(?:{alternatives(WORDS['reference_numbers'])})\.?)?"
    r"(?: is| lautet| est)?:? ?[#(\"'“„«]*\Z",
    re.IGNORECASE,
)


def can_be_referred_to(fact: Fact) -> bool:
    """Return whether a fact of a customer may be the number of something: no amount, measure, date or address."""
    return fact.kind in ("number", "identifier") and not fact.implied


def is_reference(text: str, fact: Fact) -> bool:
    """Return whether the normalized text refers to something by this number: `order 4711`, `#4711`.

    A telephone number is none: the customer could have an agent call it.
    """
    if not can_be_referred_to(fact) or text[fact.start] in "+(":
        return False
    return text[fact.start] == "#" or _REFERENCE.search(text, max(0, fact.start - _LONGEST), fact.start) is not None
