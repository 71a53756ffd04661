"""Questions: a fact in the sentence of one is asked, and not stated."""

import re
from collections.abc import Sequence

from hummdesk.ai.facts.found import Fact

_END = re.compile(r"""[!?؟。;\n]|\.(?=[\s"'”»)\]]|\Z)""")
"""Of a sentence. A normalized text has no other forms of question marks."""
_GREEK = re.compile("[\u0370-\u03ff]")
"""In Greek, `;` is the question mark."""


def is_asked(text: str, fact: Fact, others: Sequence[Fact]) -> bool:
    """Return whether the sentence of a fact in the normalized text is a question.

    A dot inside of another fact, such as `3. Mai`, ends no sentence.
    """
    for found in _END.finditer(text, fact.end):
        if any(other.kind != "promise" and other.start <= found.start() < other.end for other in others):
            continue
        if found[0] == ";" and not _GREEK.search(text):
            continue
        return found[0] in "?؟;"
    return False
