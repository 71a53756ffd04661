"""Redaction of personal data, and its restoration."""

import re
from functools import partial
from pathlib import Path

import pytest

from hummdesk.ai.redaction import Redactor, contains_personal_data, normalized, placeholders
from hummdesk.ai.text import readable
from tests.cpu_time import takes_less_cpu_than

REDACTED = [
    ("Write to jo.o'brien+x@mail.example.com.", "Write to [EMAIL_1]."),
    ("mailto:a@b.example, or MÜLLER@EXAMPLE.ORG", "mailto:[EMAIL_1], or [EMAIL_2]"),
    ("Call +49 (0)30 1234567", "Call [NUMBER_1]"),
    ("(555) 123-4567 or 030/1234567 or 06 12 34 56 78", "[NUMBER_1] or [NUMBER_2] or [NUMBER_3]"),
    ("tel0301234567x", "tel[NUMBER_1]x"),
    ("٠١٢٣٤٥٦٧٨ or １２３４５６７", "[NUMBER_1] or [NUMBER_2]"),
    ("4111 1111 1111 1111", "[CARD_1]"),
    ("5500-0000-0000-0004, CVV 123", "[CARD_1], CVV [KEY_1]"),
    ("378282246310005", "[CARD_1]"),
    ("4111 1111 1111 1112 is mistyped", "[NUMBER_1] is mistyped"),
    ("DE89 3704 0044 0532 0130 00 please", "[IBAN_1] please"),
    ("gb29nwbk60161331926819", "[IBAN_1]"),
    ("DE89370400440532013000 GB29NWBK60161331926819", "[IBAN_1] [IBAN_2]"),
    ("DE88 3704 0044 0532 0130 00 is mistyped", "DE[NUMBER_1] is mistyped"),
    ("see https://shop.example/reset?token=abc).", "see [LINK_1])."),
    ("www.shop.example and shop.com/x and evil.xyz", "[LINK_1] and [LINK_2] and [LINK_3]"),
    ("javascript:alert(1) or tg://resolve?domain=x", "[LINK_1]) or [LINK_2]"),
    ("a@b.example, c@d.example, a@b.example", "[EMAIL_1], [EMAIL_2], [EMAIL_1]"),
]

UNCHANGED = [
    "Order 4711 of 2026-05-12, 12.05.2026 or 5/12/26, for 1,299.00 EUR",
    "It broke at 14:30 on 12.05.2026 14:30",
    "Version 1.5.2, e.g. for Node.js",
    "Half past 3 [delivery date] {name}",
    "",
]


CORPUS = Path(__file__).with_name("redaction")
LEAST_CASES = 300


def corpus(name: str) -> list[str]:
    """Return the cases of a file, one a line, with its escapes decoded."""
    lines = (CORPUS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [_decoded(line) for line in lines if line and not line.startswith("# ")]


def _decoded(line: str) -> str:
    return re.sub(r"\\n|\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)) if found[1] else "\n", line)


def test_corpus_has_enough_cases() -> None:
    assert len(set(corpus("hidden"))) >= LEAST_CASES
    assert len(set(corpus("shown"))) >= LEAST_CASES


@pytest.mark.parametrize("case", corpus("hidden"))
def test_redact_hides_personal_data_of_the_corpus_and_nothing_else(case: str) -> None:
    redactor = Redactor()
    text = readable(re.sub("[⟦⟧]", "", case))
    redacted = redactor.redact(text)
    assert re.sub(r"\[[A-Z]+_\d+\]", "⟦⟧", redacted) == re.sub("⟦[^⟧]*⟧", "⟦⟧", normalized(readable(case)))
    assert redactor.restore(redacted, placeholders(redacted)) == normalized(text)
    assert contains_personal_data(text)


@pytest.mark.parametrize("text", corpus("shown"))
def test_redact_leaves_ordinary_text_of_the_corpus_whole(text: str) -> None:
    assert Redactor().redact(readable(text)) == normalized(readable(text))


@pytest.mark.parametrize(("text", "shown"), REDACTED, ids=[text for text, _ in REDACTED])
def test_personal_data_is_redacted_and_restored(text: str, shown: str) -> None:
    redactor = Redactor()
    redacted = redactor.redact(text)
    assert redacted == shown
    assert redactor.restore(redacted, placeholders(redacted)) == normalized(text)
    assert contains_personal_data(text)
    assert not contains_personal_data(redacted)


@pytest.mark.parametrize("text", UNCHANGED)
def test_text_without_personal_data_is_unchanged(text: str) -> None:
    assert Redactor().redact(text) == text
    assert not contains_personal_data(text)


def test_text_like_a_placeholder_is_redacted() -> None:
    redactor = Redactor()
    assert redactor.redact("I typed [EMAIL_1] and [ link_7 ]") == "I typed [TEXT_1] and [TEXT_2]"
    assert redactor.restore("[TEXT_2]", {"[TEXT_2]"}) == "[ link_7 ]"


def test_equal_values_get_the_same_placeholder() -> None:
    redactor = Redactor()
    assert redactor.redact("a@b.example") == redactor.redact("a@b.example") == "[EMAIL_1]"
    assert redactor.redact("c@d.example") == "[EMAIL_2]"


def test_placeholder_of_another_request_is_not_restored() -> None:
    theirs, ours = Redactor(), Redactor()
    theirs.redact("secret@theirs.example")
    ours.redact("me@ours.example")
    with pytest.raises(KeyError):
        ours.restore("Write to [EMAIL_2]", {"[EMAIL_1]"})
    assert ours.restore("Write to [EMAIL_1]", {"[EMAIL_1]"}) == "Write to me@ours.example"


def test_placeholder_with_changed_case_or_spaces_is_restored() -> None:
    redactor = Redactor()
    redactor.redact("a@b.example")
    assert redactor.restore("[email_1] [EMAIL_1 ]", {"[EMAIL_1]"}) == "a@b.example a@b.example"


HOSTILE = [
    "a@",
    "1",
    "1 ",
    "1,",
    "DE89",
    "DE89 1",
    "AB12",
    "http://",
    "[[EMAIL_",
    "[ ",
    "a.b",
    "/",
    "(",
    "a@b.c",
    "a at ",
]
HOSTILE += [
    "a+",
    "a.+",
    "a+a.",
    "a.b$",
    "x.com/",
    "x.com/(",
    "..a",
    "请a.",
    "eyJa.",
    "a:",
    "::1",
    "token=",
    "password: ",
]
HOSTILE += ["pin=", "pin=1!", "password: 1!!!!!!!!!!", "<a ", "&#64;", '"', "-----BEGIN X-----"]


def redact(text: str) -> None:
    Redactor().redact(readable(text))


@pytest.mark.parametrize("piece", HOSTILE)
def test_redact_with_hostile_text_takes_linear_time(piece: str) -> None:
    """Without a bound, 10 KB of `a.+` took 14 s."""
    text = piece * (20_000 // len(piece))
    for hostile in (text, f"password: 1{text}x", f"https://{text}", f"1{text}@example.com"):
        assert takes_less_cpu_than(0.5, partial(redact, hostile))
