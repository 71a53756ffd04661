"""Words around an answer: greeting, tone, closing, in the language of the customer."""

import json
import re
from pathlib import Path
from typing import Any

from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.protocol import Category, Citation, Classification, Tone
from hummdesk.ai.text import SENTENCE_END, stems

PHRASES: dict[str, Any] = json.loads(Path(__file__).with_name("phrases.json").read_text(encoding="utf-8"))
ENGLISH = "en"
LONGEST_ANSWER = 700
"""Characters of an article that a reply quotes; a longer one gives its sentences nearest to the question."""

_SLOT = re.compile(r"\{\{? ?([A-Za-z][\w. -]{0,39}?) ?\}?\}")
_NAME = re.compile(r"[^\W\d_][^\W\d_'’.-]{0,39}")


def tone(text: str, classification: Classification) -> Tone:
    if classification.sentiment == "negative" or classification.category == "complaint_feedback":
        return "empathetic"
    if text.casefold().startswith(tuple(PHRASES["formal_openings"])):
        return "formal"
    return "professional" if classification.category in ("billing", "account_access") else "friendly"


def compose(answer: str, *, customer_name: str | None, tone: Tone, language: str) -> str:
    """`language` other than those of phrases.json: English."""
    phrases = PHRASES.get(language, PHRASES[ENGLISH])
    return "\n\n".join([_greeting(phrases, customer_name or "", tone), phrases[tone], answer, phrases["closing"]])


def fill(answer: str, *, customer_name: str | None) -> str:
    """With what is known in its slots (`{customer_name}`, `{{order number}}`), and a visible gap for what is not."""
    names = _NAME.findall(customer_name or "")[:4]
    known = {"customer name": " ".join(names), "name": " ".join(names), "first name": "".join(names[:1])}

    def value(slot: re.Match[str]) -> str:
        name = re.sub(r"[._ -]+", " ", slot[1]).lower().removeprefix("contact ").removeprefix("customer ")
        return known.get(name) or known.get(f"customer {name}") or f"[{re.sub(r'[._ -]+', ' ', slot[1]).lower()}]"

    return _SLOT.sub(value, answer)


def excerpt(body: str, question: str) -> str:
    """The body, or in their order the sentences that share most with the question, up to LONGEST_ANSWER characters."""
    if len(body) <= LONGEST_ANSWER:
        return body
    asked = set(stems(question)) - STOPWORDS
    sentences = SENTENCE_END.split(body)
    room = LONGEST_ANSWER
    chosen: list[int] = []
    for number in sorted(range(len(sentences)), key=lambda at: (-len(asked & set(stems(sentences[at]))), at)):
        room -= len(sentences[number]) + 1
        if room >= 0 or not chosen:
            chosen.append(number)
    return " ".join(sentences[number] for number in sorted(chosen))[:LONGEST_ANSWER]


def actions(classification: Classification, answered_from: Citation) -> tuple[str, ...]:
    """What the agent may want to do besides answering."""
    table = PHRASES["actions"]
    first = (table["urgent"],) if classification.priority == "urgent" else ()
    check = () if answered_from.kind == "article" else (table[answered_from.kind].format(title=answered_from.title),)
    return (*first, *check, *actions_for(classification.category))


def actions_for(category: Category) -> tuple[str, ...]:
    return tuple(PHRASES["actions"][category])


def names(customer_name: str) -> list[str]:
    """What of it looks like names, at most four: a customer may have any text for a name."""
    return _NAME.findall(customer_name)[:4]


def _greeting(phrases: dict[str, str], customer_name: str, tone: Tone) -> str:
    called = names(customer_name)
    if not called:
        return phrases["greeting_nameless"]
    if tone == "formal":
        return phrases["greeting_formal"].format(name=" ".join(called))
    return phrases["greeting"].format(name=called[0])
