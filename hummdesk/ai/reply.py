"""Composition of a draft: greeting, tone, suggested actions."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hummdesk.ai.protocol import UNKNOWN_LANGUAGE, Citation, Classification, Tone

PHRASES: dict[str, Any] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
ENGLISH = "en"
MAX_NAMES = 4

_SLOT = re.compile(r"\{\{? ?([A-Za-z][\w. -]{0,39}?) ?\}?\}")
_NAME = re.compile(r"[^\W\d_][^\W\d_'’.-]{0,39}")


def tone(text: str, classification: Classification) -> Tone:
    if classification.sentiment == "negative" or classification.category == "complaint_feedback":
        return "empathetic"
    if text.casefold().startswith(tuple(PHRASES["formal_openings"])):
        return "formal"
    return "professional" if classification.category in ("billing", "account_access") else "friendly"


def compose(answer: str, *, customer_name: str | None, tone: Tone, language: str) -> str:
    """Return the whole reply: the answer, after the name if it is known, in the language of the answer or English."""
    greeting = _greeting(PHRASES.get(language, PHRASES[ENGLISH]), customer_name or "", tone)
    return f"{greeting}\n\n{answer}" if greeting else answer


def language_notice(spoken: str, *, answers: Collection[str]) -> str | None:
    """Return the sentence that precedes answers in other languages than the customer's; None if one of them is in it.

    None also if one of the languages is unknown, or the customer's is none in which the sentence is known.
    """
    notices: dict[str, str] = PHRASES["other_language"]
    return None if spoken in answers or UNKNOWN_LANGUAGE in answers else notices.get(spoken)


def fill(answer: str, *, customer_name: str | None) -> str:
    """Fill slots such as `{customer_name}` or `{{order number}}`; an unknown value becomes a gap: `[order number]`."""
    found = names(customer_name or "")
    known = {"customer name": " ".join(found), "name": " ".join(found), "first name": "".join(found[:1])}

    def value(slot: re.Match[str]) -> str:
        name = re.sub(r"[._ -]+", " ", slot[1]).lower().removeprefix("contact ").removeprefix("customer ")
        return known.get(name) or known.get(f"customer {name}") or f"[{re.sub(r'[._ -]+', ' ', slot[1]).lower()}]"

    return _SLOT.sub(value, answer)


def actions(classification: Classification, source: Citation) -> tuple[str, ...]:
    """Return what the agent may want to do besides sending the draft."""
    table = PHRASES["actions"]
    first = (table["urgent"],) if classification.priority == "urgent" else ()
    check = () if source.kind == "article" else (table[source.kind].format(title=source.title),)
    return (*first, *check, *actions_for(classification.category))


def actions_for(category: str) -> tuple[str, ...]:
    return tuple(PHRASES["actions"][category])


def names(customer_name: str) -> list[str]:
    """Return the words that look like names, at most MAX_NAMES: a customer can enter any text as a name."""
    return _NAME.findall(customer_name)[:MAX_NAMES]


def _greeting(phrases: dict[str, str], customer_name: str, tone: Tone) -> str | None:
    found = names(customer_name)
    if not found:
        return None
    if tone == "formal":
        return phrases["greeting_formal"].format(name=" ".join(found))
    return phrases["greeting"].format(name=found[0])
