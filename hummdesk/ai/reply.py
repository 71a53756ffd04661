"""Composition of a draft: greeting, tone, excerpt of the source, closing, suggested actions."""

import json
import re
from pathlib import Path
from typing import Any

from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.protocol import Category, Citation, Classification, Tone
from hummdesk.ai.text import SENTENCE_END, stems

PHRASES: dict[str, Any] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
ENGLISH = "en"
MAX_EXCERPT = 700
"""Characters of a source that a draft quotes."""
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
    """Return the whole reply; a language that is not in phrases.json falls back to English."""
    phrases = PHRASES.get(language, PHRASES[ENGLISH])
    return "\n\n".join([_greeting(phrases, customer_name or "", tone), phrases[tone], answer, phrases["closing"]])


def fill(answer: str, *, customer_name: str | None) -> str:
    """Fill slots such as `{customer_name}` or `{{order number}}`; an unknown value becomes a gap: `[order number]`."""
    found = names(customer_name or "")
    known = {"customer name": " ".join(found), "name": " ".join(found), "first name": "".join(found[:1])}

    def value(slot: re.Match[str]) -> str:
        name = re.sub(r"[._ -]+", " ", slot[1]).lower().removeprefix("contact ").removeprefix("customer ")
        return known.get(name) or known.get(f"customer {name}") or f"[{re.sub(r'[._ -]+', ' ', slot[1]).lower()}]"

    return _SLOT.sub(value, answer)


def excerpt(body: str, question: str) -> str:
    """Return the body, or if it is long the sentences that share most words with the question, in their order."""
    if len(body) <= MAX_EXCERPT:
        return body
    wanted = set(stems(question)) - STOPWORDS
    sentences = SENTENCE_END.split(body)
    free = MAX_EXCERPT
    chosen: list[int] = []
    for number in sorted(
        range(len(sentences)), key=lambda number: (-len(wanted & set(stems(sentences[number]))), number)
    ):
        free -= len(sentences[number]) + 1
        if free >= 0 or not chosen:
            chosen.append(number)
    return " ".join(sentences[number] for number in sorted(chosen))[:MAX_EXCERPT]


def actions(classification: Classification, source: Citation) -> tuple[str, ...]:
    """Return what the agent may want to do besides sending the draft."""
    table = PHRASES["actions"]
    first = (table["urgent"],) if classification.priority == "urgent" else ()
    check = () if source.kind == "article" else (table[source.kind].format(title=source.title),)
    return (*first, *check, *actions_for(classification.category))


def actions_for(category: Category) -> tuple[str, ...]:
    return tuple(PHRASES["actions"][category])


def names(customer_name: str) -> list[str]:
    """Return the words that look like names, at most MAX_NAMES: a customer can enter any text as a name."""
    return _NAME.findall(customer_name)[:MAX_NAMES]


def _greeting(phrases: dict[str, str], customer_name: str, tone: Tone) -> str:
    found = names(customer_name)
    if not found:
        return phrases["greeting_nameless"]
    if tone == "formal":
        return phrases["greeting_formal"].format(name=" ".join(found))
    return phrases["greeting"].format(name=found[0])
