"""What an agent's reply teaches: what became of the draft, and whether it can serve as an answer to other customers.

What a reply has around its answer (salutation, signature, our own phrases) is taken off. An answer that is left with a
name, a link, an address or a number of the customer's is about this customer alone and is not kept: with gaps in it, it
would still speak of somebody else's matter. In the question, which is found and never sent, such things become gaps.
A third person whom nobody introduces cannot be told from other words.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.redaction import PLACEHOLDER, Vault, exposes
from hummdesk.ai.reply import PHRASES
from hummdesk.ai.text import stem, words

DraftUse = Literal["as_it_was", "edited", "ignored"]

EDITED_FROM = 0.3
"""Part of the neighbouring words, of the shorter one, that draft and reply share if the one was made of the other."""
LONGEST_QUESTION, LONGEST_ANSWER = 600, 2_000
"""Characters. A longer question is cut, a longer answer is not kept."""
LONGEST_LOOKED_AT = 2_400
"""Characters of a question in which gaps are made, which takes time; they may make it shorter."""
FEWEST_WORDS = 3
LONG_NUMBER, LONG_CODE = 5, 3
"""Digits from which a number is one of somebody's, and of a code that has letters as well."""
GAP = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Public, by an agent, and what led to it; html or text."""

    content: str
    agent_name: str
    customer_names: tuple[str, ...]
    """As the customer is called anywhere, e-mail address included."""
    told: tuple[str, ...]
    """What the customer has written before it, the newest first."""
    asked: int
    """How many of these nobody had answered."""
    draft: str | None
    """That the agent had before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    draft_use: DraftUse | None
    """None: there was no draft."""
    question: str | None = None
    """None, like the answer: not for others."""
    answer: str | None = None


def learn(reply: Reply) -> Lesson:
    use = None if reply.draft is None else _use(reply.draft, reply.content)
    told = [_readable(text) for text in reply.told]
    names = _names(reply, told)
    question = _question(told[: reply.asked], names)
    answer = _answer(_readable(reply.content), names, told)
    if question is None or answer is None:
        return Lesson(draft_use=use)
    return Lesson(draft_use=use, question=question, answer=answer)


def _use(draft: str, content: str) -> DraftUse:
    offered, sent = _readable(draft), _readable(content)
    if words(offered) == words(sent):
        return "as_it_was"
    pairs, kept = _pairs(words(_core(offered))), _pairs(words(_core(sent)))
    fewest = max(1, min(pairs.total(), kept.total()))
    return "edited" if (pairs & kept).total() >= EDITED_FROM * fewest else "ignored"


def _pairs(found: list[str]) -> Counter[tuple[str, str]]:
    return Counter(pairwise(found))


_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|h[1-6]|blockquote)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
_BLANKS = re.compile(r"[^\S\n]+")


def _readable(content: str) -> str:
    """As `text.plain`, but with its line breaks."""
    text = html.unescape(_TAG.sub(" ", _BREAK.sub("\n", content.encode(errors="replace").decode())))
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in text.strip().splitlines())


def _phrases(kind: str) -> str:
    return "(?i:" + "|".join(map(re.escape, sorted(PHRASES["manners"][kind], key=len, reverse=True))) + r")(?!\w)"


_CAPITALIZED = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*"
_CALLED = rf"({_CAPITALIZED}(?: {_CAPITALIZED}){{0,2}})"
_INTRODUCED = re.compile(rf"\b{_phrases('introductions')}[ ,:]{{1,2}}{_CALLED}")
_SIGNED = re.compile(rf"(?:\b{_phrases('signatures')}[,.!]?\s+|\n){_CALLED}[.!]?\s*$")
_SALUTATION = re.compile(rf"{_phrases('salutations')}(?: [^\s,.:!?，！：。]+){{0,4}} ?(?:[,.:!，！：。]+|\n|$)\s*")
_SIGNATURE = re.compile(
    rf"(?:^|\n|(?<=[.!?] )){_phrases('signatures')}[^.?\n]{{0,40}}(?:\n+[^.?\n]{{1,60}}){{0,3}}[.!]?$"
)
_OWN = frozenset(
    " ".join(words(said)) for spoken in PHRASES.values() if "closing" in spoken for said in spoken.values()
)
"""What reply.compose puts around an answer."""


def _names(reply: Reply, told: Iterable[str]) -> frozenset[str]:
    """Words by which the two are called, and whoever the customer has introduced."""
    called = [reply.agent_name, *(name.partition("@")[0] for name in reply.customer_names)]
    for text in told:
        called += _INTRODUCED.findall(text) + _SIGNED.findall(text)
    return frozenset(word for name in called for word in words(re.sub(r"[\d._+-]+", " ", name)) if len(word) > 1)


def _question(asked: list[str], names: frozenset[str]) -> str | None:
    text = "\n\n".join(_SALUTATION.sub("", said, count=1) for said in reversed(asked))[:LONGEST_LOOKED_AT]
    text = PLACEHOLDER.sub(GAP, Vault().hide(text))
    text = _WORD.sub(lambda found: GAP if _is_personal(found[0], names) else found[0], text).strip()
    said = words(text)
    if len(said) < FEWEST_WORDS or all(stem(word) in STOPWORDS for word in said):
        return None
    return text[:LONGEST_QUESTION]


def _answer(text: str, names: frozenset[str], told: list[str]) -> str | None:
    """What of a reply is for everybody; None if that is nothing, or has something of the customer."""
    core = _core(text)
    called, comma, said = core.partition(",")
    lines = (said if comma and names.issuperset(words(called)) else core).strip().split("\n")
    while lines and names.issuperset(words(lines[-1])):
        lines.pop()
    answer = "\n".join(lines).strip()
    if not len(words(answer)) >= FEWEST_WORDS or len(answer) > LONGEST_ANSWER:
        return None
    given = {word for said in told for word in _TOKEN.findall(said)} | {
        pair for said in told for pair in _pairs_of(said)
    }
    shared = any(token in given for token in [*_TOKEN.findall(answer), *_pairs_of(answer)])
    personal = shared or exposes(answer) or any(_is_personal(word, names) for word in _WORD.findall(answer))
    return None if personal else answer[0].upper() + answer[1:]


def _core(text: str) -> str:
    """Without salutation, signature and our own phrases."""
    inner = _SIGNATURE.sub("", _SALUTATION.sub("", text, count=1).strip()).strip()
    return "\n".join(line for line in inner.split("\n") if not line or " ".join(words(line)) not in _OWN).strip()


_WORD = re.compile(r"[\w@&+*/.'’-]*\w")
_TOKEN = re.compile(r"\w*\d\w*")
_PROPER = re.compile(rf"(?=(?<![\w'’-])({_CAPITALIZED} {_CAPITALIZED}))")


def _pairs_of(text: str) -> list[str]:
    """Neighbouring words that are both capitalized: names of people and streets."""
    return _PROPER.findall(text)


def _is_personal(word: str, names: frozenset[str]) -> bool:
    """A name, or a number or a code that is likely to be somebody's own."""
    digits = sum(map(str.isdigit, word))
    return (
        digits >= LONG_NUMBER
        or (digits >= LONG_CODE and any(map(str.isalpha, word)))
        or not names.isdisjoint(words(word))
    )
