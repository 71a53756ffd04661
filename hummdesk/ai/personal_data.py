"""Detection of personal data in a text by its shape: links, e-mail addresses, bank and card numbers, other numbers.

Each finder takes linear time. In doubt it finds: what is hidden is restored in the draft. `docs/ai.md` lists what is
found and what is not.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator

from stdnum import iban, luhn

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

CARD_DIGITS = range(13, 20)
IBAN_LENGTHS = range(34, 14, -1)
COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca cc cd cf
cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg
gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp
kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne
nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk
sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn
vu wf ws ye yt za zm zw
"""
GENERIC = """
academy aero agency app art asia bank biz blog click cloud club com coop cyou dev edu email expert gov help icu info
life link live ltd media mobi mov museum name net network news online org page press pro sbs services shop site
solutions store support team tech today top vip web website wiki win work world xxx xyz zip рф
"""
TLDS = frozenset((COUNTRIES + GENERIC).split())
"""Top-level domains that make a name without https:// a link."""

_SCHEME = re.compile(
    r"""(?:(?<![a-z0-9+.-])[a-z0-9+.-]{2,}://|\bwww\.|\b(?:javascript|data|vbscript|blob|tel|sms):)"""
    r"""\S*[^\s.,;:!?)\]}>"'*]""",
    re.IGNORECASE,
)
_HOST = re.compile(r"""[^\s\x00-,/:-@\[-^`{-~\u2010-\u2027\u2030-\u205e\u3000-\u303f«»·]+""")
"""A maximal run of letters, digits, symbols, dots, hyphens and underscores."""
_LABEL = re.compile(r"[A-Za-z0-9-]+|[^\W\d_]+")
_TAIL = re.compile(r"(?::\d{1,5})?(?:[/?#][^\s<>]*)?")
_END_MARKS = ".,;:!?)]}>\"'*"
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_NO_SPACES = re.compile(r".*[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af](?=[A-Za-z0-9])", re.DOTALL)
"""The end of Chinese, Japanese or Korean text before a Latin word."""


def links(text: str) -> Iterator[Span]:
    """Find everything that a client may make clickable, and IP addresses."""
    spans = [found.span() for found in _SCHEME.finditer(text)]
    spans += _names_of_hosts(text)
    spans += [found.span() for found in _IPV6.finditer(text) if _is_ipv6(found[0])]
    yield from merged(spans)


def _names_of_hosts(text: str) -> Iterator[Span]:
    """Find names with a known top-level domain and IPv4 addresses, with the path behind them."""
    at = 0
    for found in _HOST.finditer(text):
        host = _host(found[0])
        if host is None or found.start() < at or text[found.start() - 1 : found.start()] == "@":
            continue
        start, end = found.start() + host[0], found.start() + host[1]
        if text[end : end + 1] != "@":
            tail = _TAIL.match(text, end)
            at = end if tail is None else end + len(tail[0].rstrip(_END_MARKS))
            yield start, at


def _host(run: str) -> Span | None:
    """Return where in a run of letters, digits and dots the name of a host is."""
    labels = run.rstrip(".-_").split(".")
    if len(labels) < 2 or not labels[-2]:
        return None
    last = _LABEL.match(labels[-1])
    end = len(".".join(labels[:-1])) + 1 + (last.end() if last else 0)
    groups = [*labels[-4:-1], last[0] if last else ""]
    is_ipv4 = len(groups) == 4 and all(len(group) < 4 and group.isdecimal() and int(group) < 256 for group in groups)
    if not last or not (last[0].casefold() in TLDS or last[0].startswith("xn--") or is_ipv4):
        return None
    start = run.rfind("..", 0, end) + 2 if ".." in run[:end] else len(run) - len(run.lstrip("."))
    before = _NO_SPACES.match(run, start, end)
    return (before.end() if before else start), end


def _is_ipv6(text: str) -> bool:
    """Return whether it is an IPv6 address with a group of three digits or more: `A::B` is more often code."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return any(len(group) >= 3 for group in text.split(":"))


def merged(spans: list[Span]) -> Iterator[Span]:
    """Sort the spans and merge those that overlap."""
    last: Span | None = None
    for start, end in sorted(spans):
        if last is not None and start < last[1]:
            last = (last[0], max(end, last[1]))
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


_AT_WORDS = "at|ät|arroba|arobase|chiocciola|małpa|apenstaartje|собака|snabel-a"
_DOT_WORDS = "dot|punkt|point|punto|ponto|kropka|punt|точка|nokta"
_DOT = rf"(?:\.|\s\.\s|\s?[(\[{{]\s?(?:{_DOT_WORDS}|\.)\s?[)\]}}]\s?|\s(?:{_DOT_WORDS})\s)"
_WRITTEN_DOT = rf"(?=[\w-]{{1,63}}(?:\s?[(\[{{]|\s(?:{_DOT_WORDS})\s))"
_AT = (
    rf"(?:\s{{0,2}}[(\[{{<]\s?(?:{_AT_WORDS}|@)\s?[)\]}}>]\s{{0,2}}"
    rf"|\s{{1,2}}@\s{{0,2}}|@\s{{1,2}}|\s(?:{_AT_WORDS})\s{_WRITTEN_DOT}|@{_WRITTEN_DOT})"
)
_WRITTEN_EMAIL = re.compile(
    rf"(?<![\w.+-])[\w+-]{{1,64}}(?:{_DOT}[\w+-]{{1,63}}){{0,3}}{_AT}(?:[\w-]{{1,63}}{_DOT}){{1,4}}[^\W\d_]{{2,24}}\b",
    re.IGNORECASE,
)
_LATIN_DOMAIN = r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+(?![\u00aa-\u2dff])"
_EMAIL = re.compile(
    rf"""(?:[\w.!#$%&'*+/=?^`{{|}}~-]{{1,64}}|"[^"\n]{{1,62}}")@(?:{_LATIN_DOMAIN}|[\w-]{{1,63}}(?:\.[\w-]{{1,63}})+)"""
)


def written_emails(text: str) -> Iterator[Span]:
    """Find e-mail addresses with spaces, or with words in place of signs: `jane (at) example dot com`."""
    return (found.span() for found in _WRITTEN_EMAIL.finditer(text))


def emails(text: str) -> Iterator[Span]:
    for found in _EMAIL.finditer(text):
        before = _NO_SPACES.match(found[0].rpartition("@")[0])
        yield found.start() + (before.end() if before else 0), found.end()


_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[\s._-]{0,2}\d{2}(?:[\s._-]{0,2}[A-Za-z0-9]){11,30}")


def ibans(text: str) -> Iterator[Span]:
    """Find the longest valid IBAN at each place, whatever separates its groups."""
    at = 0
    while found := _IBAN.search(text, at):
        ends = [number for number, sign in enumerate(found[0], start=1) if sign.isalnum()]
        compact = "".join(sign for sign in found[0] if sign.isalnum())
        length = next((length for length in IBAN_LENGTHS if _is_iban(compact, length)), None)
        at = found.start() + (2 if length is None else ends[length - 1])
        if length is not None:
            yield found.start(), at


def _is_iban(compact: str, length: int) -> bool:
    return length <= len(compact) and iban.is_valid(compact[:length], check_country=False)


_GAP = r"(?:[^\S\n]|[./()_|·•‧∙\\~‐-―−-]|,(?=\d))"
_DIGITS = re.compile(rf"(?<!\d)\+?\(?\d(?:{_GAP}{{0,4}}\d){{6,}}")
_CARD = re.compile(rf"(?<!\d)\d(?:(?:{_GAP}|\n){{0,4}}\d){{12,18}}(?!\d)")
"""Also over several lines, which only the checksum tells from the numbers of a list."""

_YEAR = r"(?:19|20)\d\d"
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DAY_AND_MONTH = rf"(?:{_DAY}[-./]{_MONTH}|{_MONTH}[-/]{_DAY})"
_DATE = rf"(?:{_YEAR}[-./]{_MONTH}[-./]{_DAY}|{_DAY_AND_MONTH}[-./](?:{_YEAR}|\d\d))"
_TO = r"\s?[‐-―−/-]\s?"
_HOUR = r"(?:[01]?\d|2[0-4])"
_UNTIL = rf"(?:[0-5]?\d{_TO}|[0-5]\d\s|{_DAY}\.(?:{_MONTH}\.?)?{_TO})?"
_TIME = re.compile(
    rf"{_UNTIL}{_DATE}(?:(?:{_TO}|\s){_DATE})?(?:(?:{_TO}|\s){_HOUR}(?:\.[0-5]\d)?)?"
    rf"|{_YEAR}{_TO}{_YEAR}|{_HOUR}\.[0-5]\d{_TO}{_HOUR}\.[0-5]\d"
)
"""A date, a range of dates, years or hours. A colon ends a number, so the hour before it can be part of the match."""
_AMOUNT = re.compile(r"\d{1,3}(?:([., ])\d{3})(?:\1\d{3})*(?:[.,]\d{1,2})?")
_CURRENCY = r"(?:[$€£¥₹₽₺₩₫฿₴₪₦]|[A-Z]{3}|R\$|kr|Kč|zł|Ft|lei|руб|грн|元|円|원|Rp|RM)"
_CURRENCY_BEFORE, _CURRENCY_AFTER = re.compile(rf"{_CURRENCY}\.?\s?$"), re.compile(rf"\s?{_CURRENCY}(?!\w)")


def numbers(text: str) -> Iterator[Span]:
    """Find runs of at least seven digits, however grouped, except dates, hours and amounts of money."""
    spans = [found.span() for found in _DIGITS.finditer(text) if not _is_harmless(text, found)]
    spans += [found.span() for found in _CARD.finditer(text) if "\n" in found[0] and luhn.is_valid(_digits(found[0]))]
    return merged(spans)


def _is_harmless(text: str, found: re.Match[str]) -> bool:
    number = found[0].lstrip("(")
    is_amount = _AMOUNT.fullmatch(number) and (
        _CURRENCY_BEFORE.search(text[max(0, found.start() - 5) : found.start()])
        or _CURRENCY_AFTER.match(text, found.end())
    )
    return bool(is_amount or _TIME.fullmatch(number))


def is_card(number: str) -> bool:
    """Return whether a number begins with a card number, by the Luhn checksum."""
    digits = _digits(number)
    return any(luhn.is_valid(digits[:length]) for length in CARD_DIGITS if length <= len(digits))


def _digits(number: str) -> str:
    return "".join(str(unicodedata.decimal(sign)) for sign in number if sign.isdecimal())
