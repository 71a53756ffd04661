"""Comparison of a draft with the reply that an agent has sent: kept facts, edit distance and length.

Facts are what can be compared without understanding: numbers, amounts with their currency, dates in digits, times,
links and e-mail addresses. Facts in words ("two weeks") are not found.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hummdesk.ai.text import new_text, readable, words

MAX_WORDS = 400
"""Words of each text that the edit distance compares: the time grows with their square."""

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", re.IGNORECASE)
_DATE = re.compile(r"\b(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d{2}))(?!\d)")
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"} | {
    code: code for code in ("EUR", "USD", "GBP", "JPY", "INR", "CHF", "PLN", "SEK", "NOK", "DKK", "TRY")
}
_CURRENCY = "|".join(map(re.escape, _CURRENCIES))
_NUMBER = r"\d+(?:[.,:  ’']\d{3}(?!\d))*(?:[.,:]\d+)?"
_AMOUNT = re.compile(rf"({_CURRENCY})\s?({_NUMBER})|(?<!\d)({_NUMBER})\s?({_CURRENCY})(?!\w)")
_PLAIN = re.compile(rf"{_NUMBER}\s?%?")
_TRAILING = ".,;:!?…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    facts: int
    """Different facts of the reply."""
    kept_facts: int
    """Those of them that the draft contains."""
    other_facts: int
    """Facts of the draft that neither the reply nor the customer's messages contain."""
    edit_distance: float
    """Words that were inserted, removed or replaced, of the longer text: 0 for the same words, 1 for none in common."""
    draft_words: int
    reply_words: int


def compare(draft: str, reply: str, question: str) -> Comparison:
    """Compare a draft with the reply to the same question; texts are HTML or plain."""
    draft, reply = readable(new_text(draft)), readable(new_text(reply))
    offered, sent = words(draft), words(reply)
    in_draft, in_reply = facts(draft), facts(reply)
    return Comparison(
        facts=len(in_reply),
        kept_facts=len(in_reply & in_draft),
        other_facts=len(in_draft - in_reply - facts(readable(question))),
        edit_distance=round(_distance(offered[:MAX_WORDS], sent[:MAX_WORDS]), 4),
        draft_words=len(offered),
        reply_words=len(sent),
    )


def facts(text: str) -> frozenset[str]:
    """Return the facts of a text in a form in which the same facts are equal."""
    found: set[str] = set()

    def take(pattern: re.Pattern[str], rest: str, *forms: str) -> str:
        def remember(match: re.Match[str]) -> str:
            found.add(_form(match, *forms))
            return " "

        return pattern.sub(remember, rest)

    take(_PLAIN, take(_AMOUNT, take(_DATE, take(_LINK, text), "date"), "amount"), "number")
    return frozenset(found)


def _form(match: re.Match[str], kind: str = "link") -> str:
    text = match[0]
    match kind:
        case "link":
            return re.sub(r"^https?://(www\.)?|^www\.", "", text.lower()).rstrip(_TRAILING + "/")
        case "date":
            return "date " + "-".join(sorted(str(int(part) % 2000 or part) for part in re.split("[-./]", text)))
        case "amount":
            code = _CURRENCIES[match[1] or match[4]]
            return f"{_number(match[2] or match[3])} {code}"
        case _:
            return _number(text.rstrip("%").strip()) + ("%" if text.endswith("%") else "")


def _number(text: str) -> str:
    """`1,000`, `1.000` and `1 000` are a thousand; `12,50` and `12.5` are the same."""
    if ":" in text:
        return text
    text = re.sub(r"[., ’'\u00a0](?=\d{3}(?!\d))", "", text)
    whole, _, decimals = text.replace(",", ".").rpartition(".") if re.search(r"[.,]", text) else (text, "", "")
    decimals = decimals.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{decimals}" if decimals else whole


def _distance(left: list[str], right: list[str]) -> float:
    """The edit distance of two lists of words (Levenshtein), as a share of the longer one."""
    longest = max(len(left), len(right))
    if not longest:
        return 0.0
    row = list(range(len(right) + 1))
    for number, word in enumerate(left, start=1):
        row = _next_row(row, number, word, right)
    return row[-1] / longest


def _next_row(above: list[int], first: int, word: str, right: Iterable[str]) -> list[int]:
    row = [first]
    for column, other in enumerate(right, start=1):
        row.append(min(row[-1] + 1, above[column] + 1, above[column - 1] + (word != other)))
    return row
