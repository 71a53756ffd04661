"""Phrases with weights, found in a text."""

from hummdesk.ai.lexicon import PhraseScorer, phrases, weighted_phrases
from hummdesk.ai.text import stems


def test_score_sums_the_weights_of_each_label() -> None:
    scorer = weighted_phrases({"urgency": {"4": ["urgent"], "-6": ["no rush"]}, "refund": {"1": ["refund"]}})
    assert scorer.score(stems("Urgent! Refund me. No rush.")) == {"urgency": -2.0, "refund": 1.0}


def test_longest_phrase_at_a_position_wins() -> None:
    scorer = PhraseScorer([("urgent", "urgency", 4.0), ("not urgent", "urgency", -6.0)])
    assert scorer.score(stems("This is not urgent")) == {"urgency": -6.0}


def test_longest_phrase_that_goes_on_otherwise_leaves_the_shorter_one() -> None:
    scorer = PhraseScorer([("as soon as possible", "urgency", 3.0), ("as soon", "urgency", 1.0)])
    assert scorer.score(stems("Reply as soon as you can, as soon")) == {"urgency": 1.0}
    assert scorer.score(stems("As soon as possible")) == {"urgency": 3.0}


def test_repeated_phrase_counts_once() -> None:
    assert phrases({"refund": ["refund"]}).score(stems("refund refunds refunded")) == {"refund": 1.0}


def test_text_without_phrases_has_no_scores() -> None:
    scorer = phrases({"refund": ["money back"]})
    assert scorer.score(stems("Where is my money?")) == {}
    assert scorer.score([]) == {}
