"""Facts that are allowed only in questions."""

import pytest

from hummdesk.ai.facts import unsupported, values

ASKED = values("500 EUR, 3. Mai 2027, 12 dollars, https://shop.example/a?b=1")


@pytest.mark.parametrize(
    "text",
    [
        "Is it the order for 500 EUR?",
        "Is it the order for 500 EUR of 3. Mai 2027?",
        "Geht es um 500 EUR vom 3. Mai 2027?",
        "Hello. Do you mean 12 dollars? Thank you.",
        'Did the page say "500 EUR"?',
        "هل هو الطلب 500 EUR؟",
        "是 500 EUR 吗？",
        "Είναι η παραγγελία των 500 EUR;",
        "Is it https://shop.example/a?b=1, or the order for 500 EUR?",
    ],
)
def test_fact_in_a_question_is_asked(text: str) -> None:
    assert unsupported(text, (), asked=ASKED) is None


@pytest.mark.parametrize(
    "text",
    [
        "You get 500 EUR. Is that right?",
        "You get 500 EUR.",
        "You get 500 EUR",
        "Is that right?You get 500 EUR.",
        "Is that right? You get 500 EUR!",
        "You get 500 EUR\nIs that right?",
        "你会得到 500 EUR。对吗？",
        "You get 500 EUR on 3. Mai 2027. Is that right?",
        "Is it 20 EUR?",
    ],
)
def test_fact_in_a_statement_is_unsupported(text: str) -> None:
    assert unsupported(text, (), asked=ASKED) is not None


def test_semicolon_ends_no_sentence_but_in_greek() -> None:
    assert unsupported("It is 500 EUR; is that right?", (), asked=ASKED) is None
