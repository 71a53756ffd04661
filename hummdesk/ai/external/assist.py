"""Requests of one agent to an external model: translate or rewrite a text, and the checks of the result."""

import re
from typing import Any

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import Length

from hummdesk.ai.external import grounding
from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import PLACEHOLDER, Redactor, placeholders
from hummdesk.ai.text import readable
from hummdesk.core.assist import Assist

MAX_RESULT = 10_000
"""Characters, as of a message. A longer result could not be sent."""

MAX_TOKENS = 12_000
"""Of the result and of the reasoning before it: a character of some languages takes a token."""

_NUMBER = re.compile(r"\d+")
_LINK = re.compile(r"\[([^\]\n]*)\]\((\[LINK_[0-9]+\])\)")
"""A link in Markdown, whose address is redacted."""


class AssistAnswer(Schema):
    class Meta:
        unknown = EXCLUDE

    text = fields.String(required=True, validate=Length(min=1, max=MAX_RESULT))


def assist_input(redactor: Redactor, wanted: Assist) -> dict[str, Any]:
    """Return the redacted text, which is never cut, and what is to be done with it."""
    text = readable(wanted.text) if wanted.is_message else wanted.text
    task: dict[str, Any] = {"task": wanted.kind, "text": redactor.redact(grounding.clean(text))}
    return task if wanted.language is None else task | {"language": wanted.language}


def check_assist(result: str, sent: dict[str, Any], prompt: Prompt, redactor: Redactor) -> str:
    """Return the result with its placeholders restored.

    Raises ProviderRefused if it may not be shown: as a summary of the text, but with its links; if a translation lacks
    an address, link or long number of the text; and if a rewritten text has a number that is not in it.
    """
    text = sent["text"]
    if sent["task"] == "translate":
        if placeholders(text) - placeholders(result):
            raise ProviderRefused("the translation lacks an address, link or number", code="unsafe")
    elif _numbers(result) - _numbers(text):
        raise ProviderRefused("the rewritten text has a number that is not in the text", code="unsafe")
    grounding.check_summary(_LINK.sub(r"\1 \2", result), text, prompt, redactor)
    return redactor.restore(grounding.clean(result).strip(), placeholders(text))


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(PLACEHOLDER.sub(" ", text)))
