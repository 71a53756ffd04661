"""Search by words: similarity of texts, and the share of a message's words that a text contains."""

import pytest

from hummdesk.ai.embedded.retrieval import PassageIndex, _TermIndex, _WordIndex, clauses_of
from hummdesk.ai.text import stems

TEXTS = ["Return a lamp within 30 days", "How long may I return a lamp?", "Delivery takes 3 days", "…"]


def test_similarity_between_passages_is_that_of_message_to_passage() -> None:
    index = _WordIndex([frozenset(stems(text)) for text in TEXTS])
    for row, text in enumerate(TEXTS):
        assert index.between_texts[row] == pytest.approx(index.similarity(text), abs=1e-6)
    assert index.between_texts[0, 1] > index.between_texts[0, 2] > 0


def test_index_without_sources_finds_nothing() -> None:
    assert PassageIndex([]).search([]) == []


def test_text_covers_the_words_that_it_contains_and_rare_ones_count_more() -> None:
    returns, question, delivery, nothing = _TermIndex(TEXTS).covered("Return delivery lamp kayak")
    assert returns == pytest.approx(question)
    assert returns > delivery > nothing == 0
    assert _TermIndex(TEXTS).covered("…").tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        (
            "How full should I leave the battery, and what does the warranty cost?",
            ["How full should I leave the battery", "what does the warranty cost?"],
        ),
        (
            "¿Puedo pagar en tres plazos y cuánto cuesta el envío a Suiza?",
            ["¿Puedo pagar en tres plazos", "cuánto cuesta el envío a Suiza?"],
        ),
        (
            "Hoe lang duurt de verzending en kan ik in termijnen betalen?",
            ["Hoe lang duurt de verzending", "kan ik in termijnen betalen?"],
        ),
        (
            "Ile kosztuje wysyłka i czy mogę zapłacić w ratach?",
            ["Ile kosztuje wysyłka", "czy mogę zapłacić w ratach?"],
        ),
    ],
)
def test_message_is_divided_at_the_conjunctions_of_its_language(text: str, clauses: list[str]) -> None:
    assert clauses_of(text) == clauses
