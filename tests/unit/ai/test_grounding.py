"""Checks of a model's draft before it is shown."""

import pytest

from hummdesk.ai.external.grounding import ModelInput, check_draft
from hummdesk.ai.external.prompts import load_prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import Redactor


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def model_input(redactor: Redactor) -> ModelInput:
    return ModelInput(
        prompt=load_prompt("draft"),
        sources={
            "S1": redactor.redact("Refunds: https://shop.example/refunds"),
            "S2": redactor.redact("Status: https://status.example"),
        },
        customer=redactor.redact("I am jo@home.example, see https://evil.example"),
    )


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("See [LINK_1].", "See https://shop.example/refunds."),
        ("We write to [EMAIL_1].", "We write to jo@home.example."),
        ("  Five\x00 days. ", "Five days."),
    ],
)
def test_draft_with_data_of_its_sources_and_customer_is_restored(
    model_input: ModelInput, redactor: Redactor, content: str, shown: str
) -> None:
    assert check_draft(content, ["S1"], model_input, redactor) == shown


@pytest.mark.parametrize(
    "content",
    [
        "",
        "See https://evil.example.",
        "Call +1 900 555 0100.",
        "<b>Hello</b>",
        "[click](here)",
        "See [LINK_2].",
        "See [LINK_3].",
        "See [LINK_9].",
        max(load_prompt("draft").text.splitlines(), key=len).upper(),
    ],
    ids=[
        "empty", "link", "number", "markup", "markdown", "link of another source", "link of the customer",
        "unknown placeholder", "prompt",
    ],
)  # fmt: skip
def test_unsafe_draft_is_refused(model_input: ModelInput, redactor: Redactor, content: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        check_draft(content, ["S1"], model_input, redactor)
    assert refused.value.code == "unsafe"


def test_draft_without_source_is_refused(model_input: ModelInput, redactor: Redactor) -> None:
    with pytest.raises(ProviderRefused):
        check_draft("Five days.", [], model_input, redactor)
