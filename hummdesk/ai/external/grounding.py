"""Whether a model's draft may be shown: what an injection could have put into it is not.

A model is told what to do, and does it until a customer's words talk it out of that. What counts is therefore what it
has written: only from the sources that it was given, no link, address or number that they do not have, no markup, and
none of its own instructions.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import Vault, exposes, placeholders

LONG_LINE = 40
"""Characters of a prompt that do not stand in a reply by chance."""

_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>|!?\[[^\]]*\]\s*\(")
_SPACE = re.compile(r"\s+")
JOINERS = "\u200c\u200d"
"""Invisible and yet part of how people write, in emoji and in Indic and Persian scripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the model had before it, with placeholders."""

    prompt: Prompt
    sources: Mapping[str, str]
    customer: str
    """The message, what was said before, and the name."""


def clean(text: str) -> str:
    """Without what nobody sees or nothing can store: half surrogates, control and formatting characters."""
    text = text.encode(errors="replace").decode()
    return "".join(sign for sign in text if sign in "\n\t" or sign in JOINERS or unicodedata.category(sign)[0] != "C")


def grounded(content: str, cited: list[str], given: Given, vault: Vault) -> str:
    """The draft as people read it. Raises ProviderRefused for one that may not be shown."""
    content = clean(content).strip()
    if not content or not cited:
        raise _unsafe("a draft without sources")
    if _MARKUP.search(content) or exposes(content):
        raise _unsafe("a link, an address or a number that is in no source")
    if _repeats(content, given.prompt):
        raise _unsafe("the prompt in the draft")
    allowed = {known for known in placeholders(given.customer) if not known.startswith("[LINK")}
    try:
        return vault.restore(content, allowed.union(*(placeholders(given.sources[source]) for source in cited)))
    except KeyError:
        raise _unsafe("data that the draft has no right to") from None


def _repeats(content: str, prompt: Prompt) -> bool:
    said = _plain(content)
    return any(len(line) >= LONG_LINE and line in said for line in map(_plain, prompt.text.splitlines()))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" -").casefold()


def _unsafe(why: str) -> ProviderRefused:
    return ProviderRefused(why, code="unsafe")
