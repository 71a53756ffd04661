"""Facts of texts, and their comparison with sources."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hummdesk.ai.facts import facts, normalized, references, unsupported, values
from hummdesk.ai.facts.numbers import list_numbers
from tests.cpu_time import takes_less_cpu_than

SAME = [
    ("€1,299.00", "1.299,00 €"),
    ("1 299 EUR", "1'299 Euro"),
    ("5 dollars", "$5.00"),
    ("CHF 12.50", "12,50 Franken"),
    ("five working days", "5 Werktage"),
    ("14 days", "vierzehn Tagen"),
    ("30-day", "30 calendar days"),
    ("ein Jahr", "one year"),
    ("12 months", "12 mois"),
    ("5日", "٥ days"),
    ("3営業日", "three business days"),
    ("20 percent", "20 %"),
    ("0.5 l", "0,5 Liter"),
    ("12,345,678", "12.345.678"),
    ("30 November 2026", "30.11.2026"),
    ("November 30, 2026", "2026-11-30"),
    ("le 3 mai 2026", "3rd of May 2026"),
    ("2026年11月30日", "30. November 2026"),
    ("Monday", "montags"),
    ("tomorrow", "morgen"),
    ("2:30 pm", "14.30 Uhr"),
    ("14h30", "14:30"),
    ("9am", "9 Uhr"),
    ("https://shop.com/Refunds/", "shop.com/refunds"),
    ("Help@Shop.example", "help@shop.example"),
    ("+49 30 1234567", "+49 (30) 123-45-67"),
    ("AB-1234", "ab1234"),
    ("#12345", "12345"),
    ("we refund", "wir erstatten"),
    ("we'll get back to you", "Wir melden uns"),
    ("We have cancelled your order", "Ihre Bestellung wurde storniert"),
    ("nous vous remboursons", "the price is refunded"),
    ("nous avons annulé votre commande", "We've cancelled it"),
    ("you will receive a full refund", "Sie erhalten Ihr Geld zurück"),
]
DIFFERENT = [
    ("€5", "$5"),
    ("5 days", "5 weeks"),
    ("5 days", "5 working days"),
    ("50", "500"),
    ("1.25", "125"),
    ("20 %", "20 EUR"),
    ("30 November 2026", "30 November 2025"),
    ("3 May", "3 June"),
    ("Monday", "Tuesday"),
    ("2 pm", "2 am"),
    ("a@shop.example", "b@shop.example"),
    ("shop.com/a", "shop.com/b"),
    ("AB-1234", "AB-1235"),
    ("we have refunded", "we refund"),
    ("we refund", "we do not refund"),
    ("we refund", "you can ask for a refund"),
    ("we cancel", "we send"),
    ("wir haben storniert", "wir stornieren"),
    ("wir erstatten", "wir erstatten nicht"),
    ("nous remboursons", "nous ne remboursons pas"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_fact_in_another_form_is_supported(one: str, other: str) -> None:
    assert facts(one)
    assert facts(other)
    assert unsupported(one, [values(other)]) is None
    assert unsupported(other, [values(one)]) is None


@pytest.mark.parametrize(("said", "source"), DIFFERENT)
def test_other_fact_is_unsupported(said: str, source: str) -> None:
    assert unsupported(said, [values(source)]) is not None


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("between 3 and 5 days", "3–5 days"),
        ("it is 50", "€50"),
        ("on 3 May", "3.5.2026"),
        ("in 2026", "3 May 2026"),
        ("from 9 to 17 Uhr", "9:00 - 17:00"),
        ("from Monday to Friday", "Mon–Fri"),
        ("Press 2", "1. Open\n2. Close"),
        ("1. Open\n2. Close\nStep 3: Wait", ""),
        ("5 EUR or 7 days", "5 EUR or 7 days"),
        ("Try 5 minutes later", "Wait 5 minutes"),
        ("5 to 10 EUR", "€5, €10"),
    ],
)
def test_part_of_a_fact_of_the_source_is_supported(said: str, source: str) -> None:
    assert unsupported(said, [values(source)]) is None


@pytest.mark.parametrize(
    "text",
    [
        "Guten Morgen! Thank you for writing.",
        "You can cancel the order in your account.",
        "Please send us a photo, then cancel the order.",
        "We ask you to send a photo.",
        "We cannot refund it. We don't replace it. We won't call.",
        "Should we cancel it?",
        "Bitte senden Sie uns ein Foto. Wenn Sie Fragen haben, melden Sie sich.",
        "Sie können die Bestellung stornieren.",
        "Wir bitten Sie, das Paket zu senden.",
        "Den Betrag erstatten wir nicht.",
        "Vous pouvez annuler la commande.",
        "You will not get a refund. You get no discount.",
        "We are sorry to hear that. We understand, and are here to help.",
    ],
)
def test_text_without_facts_has_none(text: str) -> None:
    assert facts(text) == []


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("We've cancelled your order and refunded the amount.", {"done:cancel", "done:refund"}),
        ("I have just sent it.", {"done:send"}),
        ("We cancelled it yesterday.", {"done:cancel"}),
        ("I will gladly check that and call you.", {"will:check", "will:contact"}),
        ("Your parcel has been shipped.", {"done:send"}),
        ("It will be replaced.", {"will:replace"}),
        ("I'm going to forward this.", {"will:escalate"}),
        ("Our team will take care of it.", {"will:handle"}),
        ("You'll receive a voucher.", {"will:credit"}),
        ("Wir haben die Bestellung geprüft und storniert.", {"done:check", "done:cancel"}),
        ("Den Betrag erstatten wir Ihnen.", {"will:refund"}),
        ("Die Rechnung wird korrigiert.", {"will:change"}),
        ("Ihr Konto wurde gelöscht.", {"done:delete"}),
        ("Ich kümmere mich darum.", {"will:handle"}),
        ("Votre commande a été expédiée.", {"done:send"}),
        ("J'ai annulé la commande.", {"done:cancel"}),
        ("Je vais vérifier.", {"will:check"}),
    ],
)
def test_promises_of_a_text(text: str, promised: set[str]) -> None:
    found = {reading.removeprefix("promise:") for fact in facts(text) for reading in fact.readings}
    assert {one for one in found if one.startswith(("done", "will"))} == promised


def test_what_was_done_for_another_customer_supports_nothing() -> None:
    source = "We have sent it. We send it again within 3 days."
    assert unsupported("We have sent it.", [values(source)]) is None
    assert unsupported("We have sent it.", [values(source, is_done_said=False)]) is not None
    assert unsupported("We send it within 3 days.", [values(source, is_done_said=False)]) is None


@pytest.mark.parametrize(
    "said",
    [
        "order 4711",
        "your order number is 4711.",
        "Order #4711",
        "your order (4711)",
        "Bestellung mit der Nummer 4711",
        "Auftragsnummer: 4711",
        "commande n° 4711",
        "#4711",
        "ticket AB-12",
    ],
)
def test_number_behind_the_name_of_its_kind_is_a_reference(said: str) -> None:
    assert unsupported(said, [], stated=references("It is 4711 and AB-12.")) is None
    assert unsupported(said, [], stated=references("It is 4712 and AB-13.")) is not None


@pytest.mark.parametrize(
    ("said", "stated"),
    [
        ("You get 4711", "4711"),
        ("disorder 4711", "4711"),
        ("order 50 EUR", "50 EUR"),
        ("order 50 EUR", "50"),
        ("order 50 days", "50 days"),
        ("order 50 %", "50 %"),
        ("order 3.5.2026", "3.5.2026"),
        ("order 14:30", "14:30"),
        ("order a@shop.example", "a@shop.example"),
        ("order +49 30 1234567", "+49 30 1234567"),
    ],
)
def test_other_fact_of_the_customer_is_no_reference(said: str, stated: str) -> None:
    assert unsupported(said, [], stated=references(stated)) is not None


def test_each_source_supports_a_fact() -> None:
    assert unsupported("5 EUR in 3 days", [values("5 EUR"), values("3 days")]) is None
    assert unsupported("5 EUR", []) is not None


WORDS = st.sampled_from(
    """
    we|refund|have|cancelled|5|days|1,299.00|€|3.5.|May|2026|to|14:30|pm|Uhr|you|receive|a|refund|AB-12|#9|1.|2)|wir
    erstatten|nicht|haben|storniert|zu|.|,|?|mail@shop.example|shop.com/x|five|Werktage|und|not|12|%|Monday|-|nous|avons
    annulé
    """.replace("\n", "|\n|").split("|")
)


@given(st.lists(WORDS).map(" ".join))
def test_text_supports_itself(text: str) -> None:
    assert unsupported(text, [values(text)]) is None


@given(st.text() | st.lists(WORDS).map(" ".join))
def test_each_digit_is_part_of_a_fact_unless_it_numbers_a_line(text: str) -> None:
    text = normalized(text)
    covered = {at for fact in [*facts(text), *list_numbers(text)] for at in range(fact.start, fact.end)}
    assert [at for at, sign in enumerate(text) if sign.isdecimal() and at not in covered] == []


@example(10**9, ".")  # is also an IPv4 address
@given(st.integers(0, 10**9), st.sampled_from([",", ".", " ", "'", "\u202f"]))
def test_grouped_number_is_the_number(number: int, separator: str) -> None:
    grouped = f"{number:,}".replace(",", separator)
    assert unsupported(f"EUR {grouped}", [values(f"{number} €")]) is None


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%B %d, %Y", "%d. %b. %Y"]),
)
def test_date_in_any_format_is_the_date(day: date, form: str) -> None:
    said = f"{day:{form}}"
    assert unsupported(f"until {said} at last", [values(f"{day}")]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("1" * 6000, "1,1 " * 1500, "we have " * 800, "und " * 1500, "you receive " * 500, "5 " * 3000),
        *("hemos " * 1000, "se ha " * 1000, "zostaną " * 800, "á-lo-" * 1200, "betaal " * 900, "equipo y " * 700),
    ],
)
def test_facts_of_a_hostile_text_take_less_than_a_second(text: str) -> None:
    assert takes_less_cpu_than(1.0, lambda: facts(text))
