"""Extraction of reusable answers from agents' replies, and detection of how a draft was used.

Quoted mails, salutation, signature and the phrases of `reply.compose` are removed from a reply. A reply that still
contains personal data of its customer (a name, link, address or number) is discarded: even with gaps it would be about
that customer. In the question, which is searched but never sent, personal data becomes gaps. The name of a third person
whom nobody introduces cannot be recognized.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.redaction import PLACEHOLDER, Redactor, contains_personal_data
from hummdesk.ai.reply import PHRASES
from hummdesk.ai.text import new_text, readable, stem, words

DraftUse = Literal["as_it_was", "edited", "ignored"]

EDITED_THRESHOLD = 0.3
"""Least share of word pairs, of the shorter text, that a reply has in common with the draft it was edited from."""
MAX_QUESTION, MAX_ANSWER = 600, 2_000
"""Characters. A longer question is cut, a longer answer is discarded."""
MAX_REDACTED = 2_400
"""Characters of a question that are redacted, which takes time; redaction may make them fewer."""
MIN_WORDS = 3
MIN_NUMBER_DIGITS, MIN_CODE_DIGITS = 5, 3
"""Digits from which a number, or a code with letters, counts as personal."""
GAP = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """A public reply by an agent and its context; texts are HTML or plain."""

    content: str
    agent_name: str
    customer_names: tuple[str, ...]
    """All names of the customer, including the e-mail address."""
    customer_messages: tuple[str, ...]
    """All messages of the customer before the reply, the newest first."""
    unanswered: int
    """How many of these were unanswered, counted from the newest."""
    draft: str | None
    """The draft that the agent saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedAnswer:
    draft_use: DraftUse | None
    """None if there was no draft."""
    question: str | None = None
    """None, like the answer, if the reply cannot be reused."""
    answer: str | None = None


def extract(reply: AgentReply) -> ExtractedAnswer:
    """Return how the draft was used, and question and answer if other customers may receive the answer."""
    use = None if reply.draft is None else _draft_use(reply.draft, reply.content)
    messages = [readable(text) for text in reply.customer_messages]
    names = _names(reply, messages)
    question = _question([readable(new_text(text)) for text in reply.customer_messages[: reply.unanswered]], names)
    answer = _answer(readable(new_text(reply.content)), names, messages)
    if question is None or answer is None:
        return ExtractedAnswer(draft_use=use)
    return ExtractedAnswer(draft_use=use, question=question, answer=answer)


def _draft_use(draft: str, content: str) -> DraftUse:
    offered, sent = readable(new_text(draft)), readable(new_text(content))
    if words(offered) == words(sent):
        return "as_it_was"
    offered_pairs, sent_pairs = _word_pairs(_core(offered)), _word_pairs(_core(sent))
    fewest = max(1, min(offered_pairs.total(), sent_pairs.total()))
    return "edited" if (offered_pairs & sent_pairs).total() >= EDITED_THRESHOLD * fewest else "ignored"


def _word_pairs(text: str) -> Counter[tuple[str, str]]:
    return Counter(pairwise(words(text)))


def _phrases(kind: str) -> str:
    return "(?i:" + "|".join(map(re.escape, sorted(PHRASES["manners"][kind], key=len, reverse=True))) + r")(?!\w)"


_CAPITALIZED = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*"
_NAME = rf"({_CAPITALIZED}(?: {_CAPITALIZED}){{0,2}})"
_INTRODUCTION = re.compile(rf"\b{_phrases('introductions')}[ ,:]{{1,2}}{_NAME}")
_SIGNED_NAME = re.compile(rf"(?:\b{_phrases('signatures')}[,.!]?\s+|\n){_NAME}[.!]?\s*$")
_SALUTATION = re.compile(rf"{_phrases('salutations')}(?: [^\s,.:!?，！：。]+){{0,4}} ?(?:[,.:!，！：。]+|\n|$)\s*")
_SIGNATURE = re.compile(
    rf"(?:^|\n|(?<=[.!?] )){_phrases('signatures')}[^.?\n]{{0,40}}(?:\n+[^.?\n]{{1,60}}){{0,3}}[.!]?$"
)
_COMPOSED = frozenset(
    " ".join(words(phrase))
    for name, phrases in PHRASES.items()
    if name == "other_language" or "closing" in phrases
    for phrase in phrases.values()
)
"""Phrases that drafts have before an answer, or had around it until 0.2."""


def _names(reply: AgentReply, messages: Iterable[str]) -> frozenset[str]:
    """Return the words of all names: of the agent, the customer, and people whom the customer introduced."""
    names = [reply.agent_name, *(name.partition("@")[0] for name in reply.customer_names)]
    for text in messages:
        names += _INTRODUCTION.findall(text) + _SIGNED_NAME.findall(text)
    return frozenset(word for name in names for word in words(re.sub(r"[\d._+-]+", " ", name)) if len(word) > 1)


def _question(messages: list[str], names: frozenset[str]) -> str | None:
    text = "\n\n".join(_SALUTATION.sub("", message, count=1) for message in reversed(messages))[:MAX_REDACTED]
    text = PLACEHOLDER.sub(GAP, Redactor().redact(text))
    text = _WORD.sub(lambda found: GAP if _is_personal(found[0], names) else found[0], text).strip()
    found = words(text)
    if len(found) < MIN_WORDS or all(stem(word) in STOPWORDS for word in found):
        return None
    return text[:MAX_QUESTION]


def _answer(text: str, names: frozenset[str], messages: list[str]) -> str | None:
    """Return the reusable part of a reply; None if it is too short, too long or contains personal data."""
    answer = _without_names(_core(text), names)
    if len(words(answer)) < MIN_WORDS or len(answer) > MAX_ANSWER:
        return None
    if contains_personal_data(answer) or any(_is_personal(word, names) for word in _WORD.findall(answer)):
        return None
    if not set(_identifiers("\n".join(messages))).isdisjoint(_identifiers(answer)):
        return None
    return answer[0].upper() + answer[1:]


def _core(text: str) -> str:
    """Remove salutation, signature and the phrases of former drafts."""
    inner = _SIGNATURE.sub("", _SALUTATION.sub("", text, count=1).strip()).strip()
    return "\n".join(line for line in inner.split("\n") if not line or " ".join(words(line)) not in _COMPOSED).strip()


def _without_names(text: str, names: frozenset[str]) -> str:
    """Remove a leading "Name," and trailing lines that are only names."""
    first, comma, rest = text.partition(",")
    lines = (rest if comma and names.issuperset(words(first)) else text).strip().split("\n")
    while lines and names.issuperset(words(lines[-1])):
        lines.pop()
    return "\n".join(lines).strip()


_WORD = re.compile(r"[\w@&+*/.'’-]*\w")
_WORD_WITH_DIGIT = re.compile(r"\w*\d\w*")
_CAPITALIZED_PAIR = re.compile(rf"(?=(?<![\w'’-])({_CAPITALIZED} {_CAPITALIZED}))")


def _identifiers(text: str) -> list[str]:
    """Return words with digits and pairs of capitalized words, such as names of people and streets."""
    return _WORD_WITH_DIGIT.findall(text) + _CAPITALIZED_PAIR.findall(text)


def _is_personal(word: str, names: frozenset[str]) -> bool:
    """Return whether the word is a name, or a number or code that probably belongs to one customer."""
    digits = sum(map(str.isdigit, word))
    return (
        digits >= MIN_NUMBER_DIGITS
        or (digits >= MIN_CODE_DIGITS and any(map(str.isalpha, word)))
        or not names.isdisjoint(words(word))
    )
