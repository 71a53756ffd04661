"""Which sentences of an article are quoted, and what is quoted with them so that they can be understood."""

from dataclasses import replace

import numpy as np
import pytest

from hummdesk.ai.embedded.article_text import Sentence
from hummdesk.ai.embedded.quotation import MAX_WORDS, evidence, quote, select
from hummdesk.ai.embedded.source_ranking import Source
from hummdesk.ai.protocol import Citation

STEPS = """**Switch the power off before you open the lid.**

The pump stands in the cellar.

## Changing the filter

1. Open the lid. It turns to the left.
2. Pull the filter out.
3. Push the new one in.

## Costs

- Filter: 9 euros
- Pump: 90 euros. It comes with a filter.
"""


def sentences_of(body: str) -> Source:
    padding = "\n\n## Other matters\n\n" + "Gardens are open to the public on all days of the week. " * 5
    return Source(Citation(kind="article", title="The pump", id="1"), body + padding)


def selected(body: str, *, max_words: int = MAX_WORDS, **shares: float) -> list[str]:
    """Return the quoted sentences if those that begin with a word have a share of the relevance, and others little."""
    found = sentences_of(body).sentences
    given = np.log([[next((shares[word] for word in shares if one.text.startswith(word)), 1e-6)] for one in found])
    return [found[number].text for number in select(found, given, np.ones(1), max_words=max_words)]


def test_one_sentence_is_quoted_if_it_stands_out() -> None:
    assert selected(STEPS, The=0.9, Gardens=0.02) == ["The pump stands in the cellar."]


def test_sentences_are_quoted_until_they_hold_most_of_the_relevance_in_the_order_of_the_article() -> None:
    body = "Alpha is one.\n\nBeta is two. Gamma is three. Delta is four."
    assert selected(body, Alpha=0.3, Beta=0.1, Gamma=0.5, Delta=0.1) == [
        "Alpha is one.",
        "Beta is two.",
        "Gamma is three.",
    ]


def test_item_of_a_list_is_quoted_as_a_whole() -> None:
    assert selected(STEPS, It=0.01, Pump=0.9) == ["Pump: 90 euros.", "It comes with a filter."]


def test_steps_of_a_short_list_are_quoted_as_a_whole_after_the_warning() -> None:
    assert selected(STEPS, Pull=0.9) == [
        "Switch the power off before you open the lid.",
        "Open the lid.",
        "It turns to the left.",
        "Pull the filter out.",
        "Push the new one in.",
    ]


@pytest.mark.parametrize(
    ("before", "expected"),
    [("These rooms are closed:", ["These rooms are closed:", "Pool: on Monday"]), ("Welcome.", ["Pool: on Monday"])],
)
def test_item_of_a_list_is_quoted_with_the_sentence_that_introduces_the_list(before: str, expected: list[str]) -> None:
    assert selected(f"{before}\n\n- Gym: in May\n- Sauna: in June\n- Pool: on Monday", Pool=0.9) == expected


def test_step_of_a_long_list_is_quoted_alone() -> None:
    body = "\n".join(f"{number}. Step{number} " + "turns the wheel once more " * 4 for number in range(1, 6))
    assert [text.split()[0] for text in selected(body, Step3=0.9)] == ["Step3"]


def test_steps_of_another_section_or_list_are_another_unit() -> None:
    charging = "## Charging\n\n1. Plug it in.\n2. Wait an hour."
    resetting = "1. Hold the button.\n2. Release it."
    for body in (f"{charging}\n\n## Resetting\n\n{resetting}", f"{charging}\n\n{resetting}"):
        assert selected(body, Hold=0.9) == ["Hold the button.", "Release it."]
    continued = "\n\n## Resetting\n\n3. Hold the button.\n4. Release it."
    assert selected(charging + continued, Hold=0.9) == ["Hold the button.", "Release it."]


def test_steps_of_a_list_of_more_than_the_permitted_words_are_quoted_one_by_one() -> None:
    body = "1. Open the lid.\n2. Pull the filter out.\n3. Push the new one in."
    assert len(selected(body, max_words=12, Pull=0.9)) == 3
    assert selected(body, max_words=11, Pull=0.9) == ["Pull the filter out."]


@pytest.mark.parametrize("mark", ["-", "*", "1.", "2."])
def test_long_item_of_a_list_falls_apart_into_its_sentences(mark: str) -> None:
    item = f"{mark} Pool: closed. " + "The towels are at the desk. " * 100 + "Best is Monday."
    body = f"1. Come in.\n{item}" if mark == "2." else f"{item}\n2. Come in."
    assert selected(body, Best=0.9) == ["Best is Monday."]


def test_item_with_a_number_is_quoted_with_the_bullet_that_is_written() -> None:
    source = sentences_of("## Limits\n\n* 20 °C is the limit of the fridge.\n* The cellar is cold.")
    quoted = quote(source.sentences, source.passages, ("What is the limit of the fridge?",))
    assert quoted == "Limits\n* 20 °C is the limit of the fridge."


def test_relevance_of_sections_is_compared_once_for_each_sentence() -> None:
    compared = 0

    class Heading(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str(self) == other

    sentences = [Sentence("The pump stands in the cellar.", Heading(f"Part {number // 2}")) for number in range(100)]
    evidence(sentences, ["The pump", *[one.text for one in sentences] * 2], ("Where is the pump?",))
    assert 0 < compared < 10 * len(sentences)


def test_warning_is_not_quoted_if_neither_it_nor_a_step_answers() -> None:
    assert selected(STEPS, Filter=0.9) == ["Filter: 9 euros"]


def test_warning_that_answers_is_quoted_as_a_whole() -> None:
    body = "**Never open it. It is hot.**\n\nThe pump stands in the cellar."
    assert selected(body, Never=0.9) == ["Never open it.", "It is hot."]


def test_long_sentence_is_left_out_but_the_best_one_is_quoted_whatever_its_length() -> None:
    long = "Best " + "word " * 70 + "end."
    assert selected(f"{long} Alpha is one.", Best=0.5, Alpha=0.5) == [long]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does a new filter cost?", "Costs\n- Filter: 9 euros"),
        ("How much is the pump?", "Costs\n- Pump: 90 euros. It comes with a filter."),
    ],
)
def test_item_of_a_list_stands_under_its_heading(question: str, expected: str) -> None:
    source = sentences_of(STEPS)
    assert expected in quote(source.sentences, source.passages, (question,))


def test_sentence_of_each_question_of_a_message_is_quoted() -> None:
    body = (
        "Vouchers come by mail. They are valid for four years. You can redeem five of them in one order. "
        "They cannot be paid out."
    )
    source = sentences_of(body)
    quoted = quote(
        source.sentences, source.passages, ("How long is a voucher valid, and can I redeem several at once?",)
    )
    assert "valid for four years" in quoted
    assert "redeem five of them" in quoted
    assert "Gardens" not in quoted


def test_message_that_is_the_title_is_answered_by_what_does_not_repeat_it() -> None:
    body = (
        "Block it by telephone on 01555 0110. If the old card turns up again, cut the card up. "
        "If your card was stolen, bring the reference of the police. A new one costs four pounds."
    )
    source = replace(sentences_of(body), citation=Citation(kind="article", title="Lost or stolen card", id="1"))
    quoted = quote(source.sentences, source.passages, ("lost or stolen card",))
    assert "01555 0110" in quoted
    assert "four pounds" in quoted
    assert "four pounds" not in quote(source.sentences, source.passages, ("Which telephone number blocks my card?",))
