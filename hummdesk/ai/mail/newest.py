"""The newest text of a mail: what its sender wrote or forwards."""

import unicodedata
from collections.abc import Sequence

from hummdesk.ai.mail import quotes, signatures
from hummdesk.ai.mail.phrases import Phrases, fold, is_unspaced, phrases
from hummdesk.ai.mail.quotes import Mail

MAX_POINTER_WORDS = 12
"""Words of a text that only points at what it forwards, such as "Hello, please see below. Thanks, Ada"."""
MAX_POINTER = 200
"""Characters of such a text."""
MAX_REMARK_WORDS = 4
"""Words of a text above a mail marked as forwarded with which that mail is read, such as "Thoughts?"."""
MAX_GREETING_WORDS = 4
UNSPACED_WORD = 3
"""Characters that count as a word, in Chinese, Japanese and Korean."""
SYMBOL = "So"
"""Category of characters that say something without letters: `👍`."""

_GREETINGS = Phrases(phrases("greetings"))


def newest_lines(lines: Sequence[str]) -> list[str]:
    """Return the sender's own lines, without quotes, signature and disclaimer.

    If there are none, or they only point at a forwarded mail, its text is returned too. If nothing is left, all lines
    are.
    """
    mail = quotes.split(lines)
    own = signatures.without_signature(mail.own)
    if not _says_something(own):
        return mail.forwarded if _has_words(mail.forwarded) else _unsigned(lines, mail)
    if mail.has_quotes and _points_below(own, mail):
        return _with_forwarded(own, mail) if _has_words(mail.forwarded) else list(lines)
    return own


def _with_forwarded(own: Sequence[str], mail: Mail) -> list[str]:
    above, below = own[: mail.forwarded_at], own[mail.forwarded_at :]
    return [*above, "", *mail.forwarded, *(["", *below] if below else [])]


def _unsigned(lines: Sequence[str], mail: Mail) -> list[str]:
    """Return the own text with its signature if that is all there is of it, such as "Hello, Kind regards"."""
    return mail.own if not mail.has_quotes and _has_words(mail.own) else list(lines)


def _has_words(lines: Sequence[str]) -> bool:
    return any(character.isalnum() or unicodedata.category(character) == SYMBOL for line in lines for character in line)


def _says_something(lines: Sequence[str]) -> bool:
    """Return whether the lines say more than a greeting."""
    texts = [folded for line in lines if (folded := fold(line))]
    if len(texts) == 1 and len(texts[0].split()) <= MAX_GREETING_WORDS and _GREETINGS.at_start(texts[0]):
        return False
    return _has_words(lines)


def _points_below(lines: Sequence[str], mail: Mail) -> bool:
    if sum(map(len, lines)) > MAX_POINTER:
        return False
    text = _without_punctuation(" ".join(map(fold, lines)))
    words = _length(text)
    if mail.is_marked_as_forwarded and 0 < words <= MAX_REMARK_WORDS:
        return True
    if not 0 < words <= MAX_POINTER_WORDS:
        return False
    return fold(lines[-1]).endswith(":") or any(_contains(text, pointer) for pointer in _POINTERS)


def _length(text: str) -> int:
    unspaced = sum(map(is_unspaced, text))
    return len(text.split()) + unspaced // UNSPACED_WORD


def _contains(text: str, phrase: str) -> bool:
    """Return whether the phrase occurs as whole words, or anywhere if its script has no spaces."""
    return phrase in text if is_unspaced(phrase[0]) else f" {phrase} " in f" {text} "


def _without_punctuation(text: str) -> str:
    kept = (character if character.isalnum() or not character.isascii() else " " for character in text)
    return " ".join("".join(kept).split())


_POINTERS = tuple(map(_without_punctuation, phrases("pointers")))
