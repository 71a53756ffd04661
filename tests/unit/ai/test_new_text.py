"""The text that the sender of a mail wrote, in the mails of many programs and languages."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hummdesk.ai.mail.phrases import LANGUAGES, phrases
from hummdesk.ai.text import new_text, plain, readable
from tests.cpu_time import takes_less_cpu_than


class Mails(TypedDict):
    own: str
    earlier: str
    replies: dict[str, str]
    """Attributions by mail program."""
    headers: dict[str, str]
    """Headers of forwarded mails, or of mails that are answered, by mail program."""
    devices: list[str]
    signatures: list[str]
    disclaimers: list[str]
    pointers: list[str]


MAILS: dict[str, Mails] = json.loads(Path(__file__).with_name("mails.json").read_text(encoding="utf-8"))


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def below() -> Iterator[tuple[str, str]]:
    """What stands below the own text of each language, with its own text."""
    for mails in MAILS.values():
        for attribution in mails["replies"].values():
            yield mails["own"], f"{attribution}\n{quoted(mails['earlier'])}"
            yield mails["own"], f"{attribution}\n\n{quoted(mails['earlier'])}\n>\n{quoted(mails['own'])}"
        for headers in mails["headers"].values():
            yield mails["own"], f"{headers}\n\n{mails['earlier']}"
            yield mails["own"], f"{headers}\n{mails['earlier']}\n\n{mails['signatures'][0]}"
        for ending in mails["devices"] + mails["signatures"] + mails["disclaimers"]:
            yield mails["own"], ending


def test_mails_cover_all_languages_and_three_programs_each() -> None:
    assert set(MAILS) == set(LANGUAGES)
    assert all(len(mails["replies"]) >= 3 and len(mails["headers"]) >= 3 for mails in MAILS.values())


@pytest.mark.parametrize(("own", "rest"), [*below()])
def test_new_text_of_mail_with_quote_signature_or_disclaimer_is_own_text(own: str, rest: str) -> None:
    assert new_text(f"{own}\n\n{rest}") == own
    assert plain(f"{own}\n\n{rest}\n") == plain(own)


@pytest.mark.parametrize("mails", list(MAILS.values()), ids=list(MAILS))
def test_new_text_directly_above_attribution_is_kept(mails: Mails) -> None:
    for attribution in mails["replies"].values():
        for own in (mails["own"], mails["own"][:-1].strip(), f"Hm.\n{mails['own']}"):
            assert new_text(f"{own}\n{attribution}\n{quoted(mails['earlier'])}") == own


@pytest.mark.parametrize("language", MAILS)
def test_new_text_of_mail_with_everything_is_own_text(language: str) -> None:
    mails = MAILS[language]
    attribution = next(iter(mails["replies"].values()))
    ending = "\n\n".join([mails["signatures"][1], mails["disclaimers"][0], mails["devices"][0]])
    own = f"{mails['own']}\n\n{mails['own']}"
    assert new_text(f"{own}\n\n{ending}\n\n{attribution}\n{quoted(mails['earlier'])}") == own
    assert new_text(f"{attribution}\n{quoted(mails['earlier'])}\n\n{own}\n\n{ending}") == own


def unmarked() -> Iterator[tuple[str, str, str]]:
    return (
        (mails["own"], attribution, mails["earlier"])
        for mails in MAILS.values()
        for program, attribution in mails["replies"].items()
        if "@" in attribution and program != "thunderbird"
    )


@pytest.mark.parametrize(("own", "attribution", "earlier"), [*unmarked()])
def test_new_text_before_unmarked_quote_is_own_text(own: str, attribution: str, earlier: str) -> None:
    assert new_text(f"{own}\n\n{attribution}\n\n{earlier}") == own


def forwarded() -> Iterator[tuple[Mails, str]]:
    return ((mails, headers) for mails in MAILS.values() for headers in mails["headers"].values())


@pytest.mark.parametrize(("mails", "headers"), [*forwarded()])
def test_new_text_of_forwarded_mail_without_own_text_is_forwarded_text(mails: Mails, headers: str) -> None:
    mail = f"{headers}\n\n{mails['earlier']}"
    assert new_text(mail) == mails["earlier"]
    assert new_text(f"{mails['devices'][0]}\n\n{mail}") == mails["earlier"]
    assert new_text(f"{mails['signatures'][1]}\n\n{mail}") == mails["earlier"]
    assert new_text("\n".join(f"> {line}" if number else line for number, line in enumerate(mail.split("\n"))))
    for pointer in mails["pointers"]:
        assert new_text(f"{pointer}\n\n{mail}").split("\n\n") == [pointer, mails["earlier"]]


HTML = [
    '<div dir="ltr">Own text</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Wed, 5 Nov 2025 '
    'at 10:02, Ada &lt;<a href="mailto:a@b.example">a@b.example</a>&gt; wrote:<br></div><blockquote '
    'class="gmail_quote" style="margin:0"><div>Earlier<blockquote>Earliest</blockquote></div></blockquote></div>',
    '<p class="MsoNormal">Own text</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">'
    "<b>From:</b> Ada &lt;a@b.example&gt;<br><b>Sent:</b> Wednesday, 5 November 2025 10:02<br><b>To:</b> Desk<br>"
    "<b>Subject:</b> RE: Lamp</p></div><p>Earlier</p>",
    '<div>Own text</div><div><hr><div id="divRplyFwdMsg"><b>Von:</b> Ada<br><b>Gesendet:</b> Mittwoch<br><b>An:</b> '
    "Hilfe<br><b>Betreff:</b> Lampe</div></div><div>Earlier</div>",
    "Own text<br><br><div>Sent from my iPhone</div><div><br><blockquote type='cite'>On 5 Nov 2025, at 10:02, Ada wrote:"
    "<br><br></blockquote></div><blockquote type='cite'><div>Earlier</div></blockquote>",
]


@pytest.mark.parametrize("mail", HTML)
def test_new_text_of_html_mail_is_own_text(mail: str) -> None:
    assert new_text(mail) == "Own text"


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        ("First answer\n> Question one\nYes.\n> Question two\nNo.", "First answer\nYes.\nNo."),
        ("No.\n\n| Desk wrote on 18/11:\n| Your order is on its way", "No."),
        (
            "Which is it then?\n\nMon 10 Nov, Desk:\n> It is repaid.\n\nThu 13 Nov, Desk:\n> It is not.",
            "Which is it then?",
        ),
        ("👍\n\nOn Wed, 5 Nov 2025 at 10:02, Ada <a@b.example> wrote:\n> All right now?", "👍"),
        ("Yes please\n\n-----Original Message-----\nFrom: Desk\nSubject: A lamp?\n\nShall we?", "Yes please"),
        (
            "Thoughts?\n\n---- Forwarded message ----\nFrom: Ada\nSubject: Lamp\n\nIt flickers.",
            "Thoughts?\n\nIt flickers.",
        ),
        ("I got this:\n\nFrom: Ada\nSubject: Lamp\n\nIs it real?", "I got this:\n\nIs it real?"),
        ("FYI\n\nBegin forwarded message:\n> From: Ada\n> Subject: Lamp\n>\n> It flickers.", "FYI\n\nIt flickers."),
        (
            "FYI\n\n--- Forwarded message ---\nFrom: A\nSubject: B\n\nSee below\n\n--- Forwarded message ---\n"
            "From: A\nSubject: B\n\nIt flickers.",
            "FYI\n\nSee below\n\nIt flickers.",
        ),
    ],
)
def test_new_text_of_mail_with_special_quotes_keeps_what_sender_says(mail: str, expected: str) -> None:
    assert new_text(mail) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I need tickets:\nFrom: Berlin\nTo: Rome\nDate: 3 May",
        "My list:\n- a lamp\n- a chair\n- x",
        "Subject: Lamp\nIt flickers.",
        "I need help.\n\nDesk Lamp | 2 pieces | 30.00\nArm Chair | 1 piece | 90.00",
        "Where is it?\n\nTracking Number\n00340434161094012345",
        "It did not arrive.\n\nSent via DHL on Monday",
        "Das Paket fehlt.\n\nGesendet mit DHL am Montag",
        "A parcel came.\n\nIch habe das Paket irrtümlich erhalten.",
        "The parcel is broken.\n\nThe carrier accepts no liability.",
        "It broke.\n\nBest wishes to all of you.\nI would like to have the money back by Friday.",
        "It broke.\n\nRegards\nbut before I go, please send another one",
        "램프가 깜박입니다.\n감사합니다\n환불해 주세요",
        "I cannot sign in.\nMy email is ada@example.com, I tried at 10:15 and got:\nError 500. Please refund me.",
        "It is wrong.\nThe invoice to ada@example.com over 49.99 says:\nTwo lamps. I ordered one.",
        "It is wrong.\nOn my invoice over 149.99 it says ada@example.com, version 2.12:\nI ordered one lamp.",
        "Any news?\nI wrote to ada@example.com on 3 May and got:\nError 500. Please refund me.",
        "Jag är missnöjd.\nVänligen avbryt min prenumeration.\nTack",
        "Jag är missnöjd.\nVänligen\navbryt min prenumeration",
        "नमस्ते\nआपका उत्पाद खराब है",
        "नमस्ते\nसादर निवेदन है",
        "It broke.\nWith regards to my refund\n30 euros",
        "It broke.\nRespectfully, I want a refund.\n30 euros",
        "It broke.\nBest regards, I want it refunded",
        "It broke.\nBest regards\nRefund 30 euros please",
        "Es ist kaputt.\nLG Fernseher defekt",
        "Es ist kaputt.\nLG Fernseher",
        "It broke.\nVG 4711 defekt",
        "Elle est cassée.\nCordialement, remboursez !",
        "램프가 깜박입니다.\n배상 요청",
        "램프가 깜박입니다.\n손해 배상",
        "ランプがちらつきます。\n返金をよろしくお願いいたします",
        "ランプがちらつきます。\n以上返金希望",
        "It prints white pages.\n\nBefore printing this it makes a loud noise.",
        "Lamp | 2 pieces | 30.00\nChair | 1 piece | 90.00\nWhat do they cost together?",
        "My address changed:\nAda Lovelace\nTel. +44 20 7946 0000",
        "It flickers.\n\nKind regards\nAda\nOrder number 4711-2233",
        "It flickers.\n\nBest regards\nAda\n\nPS: and the chair squeaks as well",
        "Please keep this confidential. Is anything else needed?",
        "I am angry.\n\nOn 3 May at 10:02 your colleague wrote:\nYou will be refunded. I was not.",
        "| name | price |\n| lamp | 30 |",
        "> only a quote",
        "--\nAda",
        "Hello,\n\nBest regards\nAda",
        "Sent from my iPhone",
        "On Wed, 5 Nov 2025 at 10:02, Ada <a@b.example> wrote:\n> Only a quote",
        "<blockquote>All of it is one quote</blockquote>",
        "Two ways:\n---\nfirst, I return the lamp and the chair that came with it within a week\n---\nsecond, not",
        "",
        "\n\n",
        "-----",
    ],
)
def test_new_text_without_mail_parts_is_unchanged(text: str) -> None:
    assert new_text(text) == text


@pytest.mark.parametrize(
    "closing",
    [
        "Best regards Ada",
        "best regards, ada",
        "Regards, Ada Lovelace",
        "Kind regards!\nada@example.com",
        "MfG\n\nAda Lovelace, Leiterin",
        "LG, Ada",
        "Vänligen, Ada",
        "Vänligen\nAda",
        "आपका,\nआडा लवलेस",
        "सादर, आडा लवलेस",
        "مع التحية\nآدا لوفليس",
        "홍길동 올림",
        "以上、よろしくお願いいたします。",
        "艾达 敬上",
    ],
)
def test_new_text_above_closing_with_name_is_own_text(closing: str) -> None:
    assert new_text(f"It flickers.\n\n{closing}") == "It flickers."


LENGTH = 100_000
HOSTILE = [
    *(
        "Am 3. schrieb ",
        "Am 3. schrieb \n",
        "On 3 May 10:02, a@b.c\n",
        "On 3 May a:\n",
        "a\n\n\n\n\n\n",
        ">",
        "> a\nb\n",
    ),
    *(
        "From: \n",
        "From: a\nTo: b\n",
        "From: a@b\nSubject: x\n\n",
        "a\n--- Forwarded message ---\n",
        "--\n",
        "- x\n",
        ":\n",
    ),
    *("fyi\n--- Forwarded message ---\nFrom: a\n", "Regards\n", "Regards\nx?\n", "this email is confidential and\n\n"),
    *("word this email is confidential\n", "Sent from my iPhone\n", "A | B | C\n", "Regards\nAda | B\n+49 1234567\n\n"),
    *(
        "<blockquote>",
        "<blockquote >a</blockquote>\n",
        "<blockquote ",
        "a\u0301\u0323\u0316",
        "\n" + "\u0301\u0323" * 900,
    ),
    *("a@", "@", "http://", "-", "| a\n", "> | ", "\ufdfa", "&gt; \n", "<", "\n \t"),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_new_text_of_hostile_text_takes_linear_time(unit: str) -> None:
    """A quadratic search takes minutes; the slowest of these takes 0.5 s."""
    text = f"x\n\n{unit * (LENGTH // len(unit))}"
    assert takes_less_cpu_than(3, lambda: new_text(text))


_KINDS = (
    "forwarded",
    "original",
    "devices",
    "closings",
    "disclaimers",
    "pointers",
    "greetings",
    "wrote",
    "from",
    "subject",
)
_LINES = st.one_of(
    st.sampled_from(
        [
            f"{prefix}{phrase}{suffix}"
            for kind in _KINDS
            for phrase in phrases(kind)
            for prefix in ("", "> ", "--- ")
            for suffix in ("", ":", ": a@b 10:02:")
        ]
    ),
    st.sampled_from(
        ["", "--", ">", "> ", "Ada | Boss", "+49 1234567 8", "> x", "| x", "On 3 May 10:02, a@b.c wrote:", "a"]
    ),
    st.text(max_size=12).filter(lambda text: not set(text) & set("<&")),
)


def _says_something(text: str) -> bool:
    return any(one.isalnum() or unicodedata.category(one) == "So" for one in text)


def _words(text: str) -> list[str]:
    """Return the words without the marks of quotes."""
    return " ".join(line.lstrip("|>＞ ") for line in text.split("\n")).split()


def _is_subsequence(found: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in found)


@given(lines=st.lists(_LINES, max_size=25))
@settings(max_examples=150, deadline=None)
def test_new_text_of_any_lines_is_idempotent_part_that_is_never_empty(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = new_text(text)
    assert new_text(found) == found
    assert _says_something(found) or not _says_something(text)
    assert found == text or _is_subsequence(_words(found), _words(readable(text)))


_HTML = st.sampled_from([*"<>&;/ \nab:-", "<blockquote>", "</blockquote>", "&gt;", "&amp;", "<br>"])


@given(html=st.lists(_HTML).map("".join))
@settings(max_examples=150, deadline=None)
def test_new_text_of_any_html_is_idempotent_and_never_empty(html: str) -> None:
    found = new_text(html)
    assert new_text(found) == found
    assert _says_something(found) or not _says_something(readable(html))
