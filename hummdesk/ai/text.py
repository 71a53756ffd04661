"""Plain text, words and stems as the embedded provider uses them."""

import html
import re
import unicodedata
from functools import lru_cache

import snowballstemmer

from hummdesk.ai.mail.newest import newest_lines

MAX_CHARACTERS = 4000
"""Characters that are used of a message: three quarters from its beginning, one quarter from its end."""

MAX_LAYERS = 8
"""Times that a text is searched for quotes: a forwarded mail may hold another."""

MAX_WORD_LENGTH = 40
"""Longer words are base64, keys or noise."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")

_CJK = "\u3040-\u30ff\u4e00-\u9fff"
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
_BLOCKS = "address|article|blockquote|br|dd|div|dl|dt|footer|h[1-6]|header|hr|li|ol|p|pre|section|table|tr|ul"
_CELLS = "td|th|option"
_INLINE = (
    "a|abbr|b|bdi|bdo|big|body|button|center|cite|code|del|dfn|em|font|form|html|i|img|input|ins|kbd|label|"
    "mark|nobr|q|s|samp|small|span|strike|strong|style|sub|sup|tbody|tfoot|thead|time|tt|u|var|wbr"
)
_BREAK = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>])[^<>]{{0,5000}}>", re.IGNORECASE)
_CELL = re.compile(rf"</?(?:{_CELLS})(?=[\s/>])[^<>]{{0,5000}}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?=[\s/>])[^<>]{{0,5000}}>|<!--[^<>]{{0,5000}}-->", re.IGNORECASE)
_BLOCKQUOTE = re.compile(r"<(/?)blockquote(?=[\s/>])[^<>]{0,5000}>", re.IGNORECASE)
_BEGIN_QUOTE, _END_QUOTE = "\ue000", "\ue001"
"""Private characters that stand for the tags of a blockquote."""
_BLANKS = re.compile(r"[^\S\n]+")
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*")
_STEMMER = snowballstemmer.stemmer("english")


def plain(content: str) -> str:
    """Return the visible text that its sender wrote: no quoted mails or signature (`new_text`), as `one_line`."""
    return one_line(new_text(content))


def one_line(content: str) -> str:
    """Return the text without tags and lone surrogates, with single spaces, of at most MAX_CHARACTERS."""
    if len(content) > MAX_CHARACTERS:
        content = content[: MAX_CHARACTERS * 3 // 4] + " " + content[-MAX_CHARACTERS // 4 :]
    content = content.encode(errors="replace").decode()
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", content))).strip()


def readable(content: str) -> str:
    """Return what a person reads of HTML or plain text, with its line breaks.

    Inline tags vanish without a gap, as in a browser: `jane<b>@</b>example.com` reads as an address. What is no tag of
    HTML stays, such as `<jane@example.com>`.
    """
    content = content.encode(errors="replace").decode()
    text = _INLINE_TAG.sub("", _CELL.sub(" ", _BREAK.sub("\n", content)))
    return "\n".join(_BLANKS.sub(" ", line).strip() for line in html.unescape(text).strip().splitlines())


def new_text(content: str) -> str:
    """Return what the sender of a mail wrote or forwards, without quoted mails, signature and disclaimer.

    A text in which nothing is recognized is returned as it is, and so is one that would become empty. The result of
    applying it twice is that of applying it once.
    """
    if "<" not in content and len(content.splitlines()) < 2:
        return content
    text = content
    for _ in range(MAX_LAYERS):
        lines = _lines(text)
        newest = newest_lines(lines)
        if newest == lines:
            return text
        text = "\n".join(newest).strip()
    return content


def _lines(content: str) -> list[str]:
    """Return the readable lines; those of a blockquote begin with `>`."""
    if "<" not in content:
        return readable(content).split("\n")
    content = content.replace(_BEGIN_QUOTE, " ").replace(_END_QUOTE, " ")
    marked = _BLOCKQUOTE.sub(lambda tag: f"\n{_END_QUOTE if tag[1] else _BEGIN_QUOTE}\n", content)
    lines, depth = [], 0
    for line in readable(marked).split("\n"):
        if line in (_BEGIN_QUOTE, _END_QUOTE):
            depth = max(0, depth + (1 if line == _BEGIN_QUOTE else -1))
        else:
            lines.append(f"> {line}" if depth else line)
    return lines


def words(text: str) -> list[str]:
    """Return the case-folded words in order; Chinese and Japanese text gives overlapping pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if "\u3040" <= word[0] <= "\u9fff":
            found += [word[position : position + 2] for position in range(max(1, len(word) - 1))]
        elif len(word) <= MAX_WORD_LENGTH:
            found.append(word.replace("’", "'").removesuffix("'s"))
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of an English word (`refunded`, `refunds`: `refund`); other words get a stable form as well."""
    return str(_STEMMER.stemWord(word))


def stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]
