"""Checks of a model's draft before it is shown."""

import pytest

from hummdesk.ai.external.grounding import CitedSource, DraftChecks, InputSource, ModelInput, Unsupported
from hummdesk.ai.external.prompts import load_prompt
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.ai.redaction import Redactor

REFUNDS = CitedSource("S1", "Refunds take five working days")


@pytest.fixture
def checks() -> DraftChecks:
    redactor = Redactor()
    texts = {
        "S1": "Refunds take five working days: https://shop.example/refunds. We refund the price. We have moved.",
        "S2": "Status: https://status.example",
        "S3": "We have cancelled your order, for 20 EUR.",
    }
    sources = {
        alias: InputSource(text=redactor.redact(text), kind="canned_reply" if alias == "S3" else "article")
        for alias, text in texts.items()
    }
    customer = (
        "I am jo@home.example, see https://evil.example. You owe me 500 EUR for order 4711 and invoice 20260077 within "
        "60 days. Call +49 30 1234567. I live at 8 Hill Road."
    )
    return DraftChecks(
        ModelInput(prompt=load_prompt("draft"), sources=sources, customer=redactor.redact(customer)), redactor
    )


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("See [LINK_1].", "See https://shop.example/refunds."),
        ("Wir erstatten den Preis in 5 Werktagen.", "Wir erstatten den Preis in 5 Werktagen."),
        ("We have changed our address.", "We have changed our address."),
        ("  Five\x00 working days. ", "Five working days."),
    ],
)
def test_draft_that_its_source_supports_is_restored(checks: DraftChecks, content: str, shown: str) -> None:
    assert checks.check(content, [REFUNDS]) == shown


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
def test_unsafe_draft_is_refused(checks: DraftChecks, content: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        checks.check(content, [REFUNDS])
    assert refused.value.code == "unsafe"


@pytest.mark.parametrize("content", ["[EMAIL[NAME_1]_9]", "[[NAME_1]EMAIL_9]", "[EMAIL_[NAME_1]1]"])
def test_draft_with_a_name_inside_of_a_placeholder_is_refused(content: str) -> None:
    redactor = Redactor()
    redactor.placeholder("NAME", "Jo")
    customer = redactor.redact("I am jo@home.example.")
    sources = {"S1": InputSource(text="Refunds take five working days.", kind="article")}
    model_input = ModelInput(prompt=load_prompt("draft"), sources=sources, customer=f"{customer} [NAME_1]")
    checks = DraftChecks(model_input, redactor)
    with pytest.raises(ProviderRefused) as refused:
        checks.check(f"Hello {content}.", [CitedSource("S1", "Refunds take five working days.")])
    assert refused.value.code == "unsafe"
    with pytest.raises(ProviderRefused) as refused:
        checks.check_question(f"Hello {content}?")
    assert refused.value.code == "unsafe"


@pytest.mark.parametrize(
    "content",
    [
        "You get 500 EUR.",
        "It costs 20 EUR.",
        "It takes five days.",
        "It takes six working days.",
        "We write to [EMAIL_1].",
        "We have refunded the price.",
        "We have cancelled your order.",
        "We send a replacement.",
        "It arrives tomorrow.",
        "You get 4711.",
        "Your order 4712 takes five working days.",
        "Your order is for 500 EUR.",
        "You can return your order 60 days later.",
        "Call [NUMBER_2].",
        "Call invoice number [NUMBER_2].",
        "We come to 8 Hill Road.",
    ],
)
def test_fact_that_no_cited_source_has_is_unsupported(checks: DraftChecks, content: str) -> None:
    with pytest.raises(Unsupported) as refused:
        checks.check(content, [REFUNDS])
    assert not [word for word in content.split() if any(map(str.isdigit, word)) and word in str(refused.value)]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("Your order 4711 takes five working days.", "Your order 4711 takes five working days."),
        ("Bestellung Nr. 4711: 5 Werktage.", "Bestellung Nr. 4711: 5 Werktage."),
        ("About #4711: five working days.", "About #4711: five working days."),
        ("Invoice [NUMBER_1]: five working days.", "Invoice 20260077: five working days."),
    ],
)
def test_draft_may_refer_to_an_order_of_the_customer(checks: DraftChecks, content: str, shown: str) -> None:
    assert checks.check(content, [REFUNDS]) == shown


def test_what_a_canned_reply_says_was_done_supports_no_promise(checks: DraftChecks) -> None:
    cited = [CitedSource("S3", "We have cancelled your order")]
    assert checks.check("It costs 20 EUR.", cited) == "It costs 20 EUR."
    with pytest.raises(Unsupported):
        checks.check("We have cancelled your order.", cited)


@pytest.mark.parametrize(
    "quote",
    [
        "refunds take FIVE  working days",
        "“We refund the price.”",
        "Refunds take five … We refund the price",
        "We have moved. [...]",
        "Refunds take five working days: [LINK_1]",
    ],
)
def test_quote_may_differ_in_case_spaces_and_omissions(checks: DraftChecks, quote: str) -> None:
    assert [one.id for one in checks.quoted([CitedSource("S1", quote)])] == ["S1"]


@pytest.mark.parametrize("quote", ["", "…", "five", "Refunds take six working days", "Status: [LINK_2]"])
def test_source_without_a_quote_that_stands_in_it_is_not_cited(checks: DraftChecks, quote: str) -> None:
    with pytest.raises(Unsupported):
        checks.quoted([CitedSource("S1", quote)])
    assert checks.quoted([CitedSource("S1", quote), REFUNDS, REFUNDS]) == [REFUNDS]


def test_quote_is_restored(checks: DraftChecks) -> None:
    assert checks.quote(CitedSource("S2", "Status: [LINK_2] ")) == "Status: https://status.example"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("Is it the order for 500 EUR?", "Is it the order for 500 EUR?"),
        ("Should we write to [EMAIL_1]?", "Should we write to jo@home.example?"),
        ("Is it more than 20 EUR?", None),
        ("Please wait.", None),
        ("We refund it. Which order is it?", None),
        ("You have paid 500 EUR. Which order is it?", None),
        ("Which order is it? You get 500 EUR back.", None),
        ("You get 500 EUR back\nWhich order is it?", None),
        ("Did you see [LINK_3]?", None),
    ],
)
def test_question_to_the_customer_may_have_the_customers_own_facts(
    checks: DraftChecks, content: str, shown: str | None
) -> None:
    if shown is not None:
        assert checks.check_question(content) == shown
        return
    with pytest.raises(ProviderRefused):
        checks.check_question(content)


@pytest.mark.parametrize("cited", [[], [CitedSource("S9", "Refunds take five working days")]])
def test_draft_without_known_source_is_refused(checks: DraftChecks, cited: list[CitedSource]) -> None:
    with pytest.raises(ProviderRefused) as refused:
        checks.check("Five days.", cited)
    assert refused.value.code == "unsafe"
