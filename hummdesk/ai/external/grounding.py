"""Checks of a model's draft before it is shown: protection against prompt injection.

Instructions in the prompt can be overridden by a customer's message, so the checks apply to the output: the draft cites
sources of its input; it contains no link, address or number that is not in them, no markup and no part of the prompt.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import Redactor, contains_personal_data, placeholders

MIN_PROMPT_LINE = 40
"""Characters from which a line of the prompt cannot be in a reply by chance."""

_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>|!?\[[^\]]*\]\s*\(")
_SPACE = re.compile(r"\s+")
JOINERS = "\u200c\u200d"
"""Invisible characters that are part of emoji and of Indic and Persian scripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """The redacted input of the model."""

    prompt: Prompt
    sources: Mapping[str, str]
    """Text of each source by its id in the request."""
    customer: str
    """Message, history and name of the customer."""


def clean(text: str) -> str:
    """Remove lone surrogates, control and formatting characters: invisible, or impossible to store."""
    text = text.encode(errors="replace").decode()
    return "".join(sign for sign in text if sign in "\n\t" or sign in JOINERS or unicodedata.category(sign)[0] != "C")


def check_draft(content: str, cited: list[str], model_input: ModelInput, redactor: Redactor) -> str:
    """Return the draft with its placeholders restored. Raises ProviderRefused if it may not be shown."""
    if not cited:
        raise _unsafe("the draft cites no source")
    allowed = {one for one in placeholders(model_input.customer) if not one.startswith("[LINK")}
    allowed = allowed.union(*(placeholders(model_input.sources[source]) for source in cited))
    return _checked(content, model_input.prompt, allowed, redactor)


def check_summary(summary: str, conversation: str, prompt: Prompt, redactor: Redactor) -> str:
    """Return the summary of a redacted conversation with its placeholders restored.

    Raises ProviderRefused if it may not be shown.
    """
    return _checked(summary, prompt, placeholders(conversation), redactor)


def _checked(content: str, prompt: Prompt, allowed: set[str], redactor: Redactor) -> str:
    content = clean(content).strip()
    if not content:
        raise _unsafe("the answer is empty")
    if _MARKUP.search(content) or contains_personal_data(content):
        raise _unsafe("the answer contains markup, or a link, address or number that was not redacted")
    if _repeats(content, prompt):
        raise _unsafe("the answer contains a part of the prompt")
    try:
        return redactor.restore(content, allowed)
    except KeyError:
        raise _unsafe("the answer contains a placeholder from outside its input") from None


def _repeats(content: str, prompt: Prompt) -> bool:
    text = _plain(content)
    return any(len(line) >= MIN_PROMPT_LINE and line in text for line in map(_plain, prompt.text.splitlines()))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" -").casefold()


def _unsafe(message: str) -> ProviderRefused:
    return ProviderRefused(message, code="unsafe")
