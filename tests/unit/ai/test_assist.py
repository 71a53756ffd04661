"""Texts that are translated or rewritten: what is sent, and the checks of the result."""

import pytest

from hummdesk.ai.external.assist import assist_input, check_assist
from hummdesk.ai.external.prompts import load_prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import Redactor
from hummdesk.core.assist import Assist, AssistKind

TEXT = "Hi Jo,\n\nwe refund 20 euros in 5 days. Write to jo@home.example."


def checked(kind: AssistKind, result: str, text: str = TEXT) -> str:
    redactor = Redactor()
    sent = assist_input(redactor, Assist(kind=kind, text=text, language="de" if kind == "translate" else None))
    return check_assist(result, sent, load_prompt("assist"), redactor)


def test_text_is_sent_whole_and_redacted_with_its_paragraphs() -> None:
    text = f"{TEXT}\n" + "word " * 1_900
    sent = assist_input(Redactor(), Assist(kind="shorter", text=text))
    assert sent == {"task": "shorter", "text": text.replace("jo@home.example", "[EMAIL_1]")}


def test_message_in_html_is_sent_as_it_is_read() -> None:
    message = Assist(kind="translate", text="<p>Where is<br>my <b>bike</b>?</p>", is_message=True, language="fr")
    assert assist_input(Redactor(), message) == {
        "task": "translate",
        "text": "Where is\nmy bike?",
        "language": "fr",
    }


@pytest.mark.parametrize(
    ("kind", "result", "shown"),
    [
        ("shorter", "20 euros in 5 days. [EMAIL_1]", "20 euros in 5 days. jo@home.example"),
        ("formal", "We refund 20 euros.", "We refund 20 euros."),
        (
            "translate",
            "Wir erstatten 20 Euro bis 17 Uhr: [EMAIL_1]",
            "Wir erstatten 20 Euro bis 17 Uhr: jo@home.example",
        ),
    ],
    ids=["address", "left out", "number of another language"],
)
def test_result_is_restored(kind: AssistKind, result: str, shown: str) -> None:
    assert checked(kind, result) == shown


def test_link_of_the_text_is_kept_with_its_markdown() -> None:
    text = "See [the *shop*](https://shop.example/a) for it."
    assert checked("shorter", "See [our shop]([LINK_1]).", text) == "See [our shop](https://shop.example/a)."


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("friendlier", "We gladly refund 30 euros in 5 days."),
        ("translate", "Wir erstatten 20 Euro in 5 Tagen."),
        ("translate", "[EMAIL_1] <b>20 Euro</b>"),
        ("shorter", "20 euros: https://evil.example"),
        ("shorter", "20 euros: [EMAIL_2]"),
        ("shorter", "20 euros: [mail]([LINK_1])"),
        ("shorter", " "),
        ("formal", max(load_prompt("assist").text.splitlines(), key=len)),
    ],
    ids=["new number", "lost address", "markup", "new link", "unknown placeholder", "unknown link", "empty", "prompt"],
)
def test_unsafe_result_is_refused(kind: AssistKind, result: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        checked(kind, result)
    assert refused.value.code == "unsafe"
