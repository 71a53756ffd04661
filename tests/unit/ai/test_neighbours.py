"""Corrections as weighted neighbours."""

import numpy as np
import pytest

from hummdesk.ai.embedded.neighbours import HALF, corrected_category, corrected_priority
from hummdesk.ai.protocol import Correction, Priority

KEYS = ("billing", "sales", "technical")
SURE = np.array([0.9, 0.06, 0.04])


def correction(similarity: float, category: str | None = None, priority: Priority | None = None) -> Correction:
    return Correction(content="", similarity=similarity, category=category, priority=priority)


def test_without_corrections_the_classifier_decides() -> None:
    assert corrected_category(KEYS, SURE, ()) == ("billing", 0.9)


def test_correction_of_a_paraphrase_counts_more_than_a_sure_classifier() -> None:
    key, confidence = corrected_category(KEYS, SURE, [correction(0.7, "sales")])
    assert key == "sales"
    assert 0.7 < confidence < 1


def test_correction_of_an_unlike_message_counts_little() -> None:
    key, confidence = corrected_category(KEYS, SURE, [correction(0.4, "sales")])
    assert key == "billing"
    assert confidence == pytest.approx(0.9, abs=0.02)


def test_corrections_add_up_and_the_nearest_counts_most() -> None:
    alone, several = ([correction(HALF - 0.03, "sales")] * number for number in (1, 3))
    assert corrected_category(KEYS, SURE, alone)[0] == "billing"
    assert corrected_category(KEYS, SURE, several)[0] == "sales"
    against = [correction(0.95, "technical"), *several]
    assert corrected_category(KEYS, SURE, against)[0] == "technical"


def test_correction_to_an_unknown_category_is_ignored() -> None:
    assert corrected_category(KEYS, SURE, [correction(1.0, "parking")])[0] == "billing"


def test_priority_of_similar_corrections_is_that_of_the_nearest() -> None:
    assert corrected_priority([correction(0.9, "sales"), correction(0.5, priority="urgent")]) is None
    found = corrected_priority([correction(0.9, priority="low"), correction(0.7, priority="urgent")])
    assert found is not None
    assert found[0] == "low"
    assert found[1] > 0.9
