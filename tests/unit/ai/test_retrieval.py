"""Search by words: the same similarity between two texts, whether one of them is a message or both are passages."""

import pytest

from hummdesk.ai.embedded.retrieval import PassageIndex, _WordIndex

TEXTS = ["Return a lamp within 30 days", "How long may I return a lamp?", "Delivery takes 3 days", "…"]


def test_similarity_between_passages_is_that_of_message_to_passage() -> None:
    index = _WordIndex(TEXTS)
    for row, text in enumerate(TEXTS):
        assert index.between_texts[row] == pytest.approx(index.similarity(text), abs=1e-6)
    assert index.between_texts[0, 1] > index.between_texts[0, 2] > 0


def test_index_without_sources_finds_nothing() -> None:
    assert PassageIndex([], []).search([]) == []
