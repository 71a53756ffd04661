"""Features of letters: words, parts of words, and what the encoder knows."""

import numpy as np
import pytest

from hummdesk.ai.embedded.encoder import WIDTH, Vectors
from hummdesk.ai.embedded.letters import (
    CATEGORIES,
    WORD_BUCKETS,
    letter_features,
    word_counts,
    word_features,
    word_scores,
)
from hummdesk.ai.lexicon import LEXICON


def words(text: str) -> Vectors:
    features: Vectors = word_features(word_counts([text]), np.ones(WORD_BUCKETS, dtype=np.float32))[0]
    return features


@pytest.mark.parametrize(
    ("text", "misspelt", "other"),
    [
        ("invoice verification", "invioce verifcation", "delivery appointment"),
        ("मेरा पासवर्ड", "मेरे पासवर्ड", "पैसे वापस"),
        ("パスワードを忘れた", "パスワードわすれた", "荷物が届かない"),
    ],
)
def test_words_of_misspelt_text_resemble_those_of_correct_text(text: str, misspelt: str, other: str) -> None:
    assert words(text) @ words(misspelt) > words(text) @ words(other) + 0.2


def test_repeated_word_counts_once() -> None:
    once, twice = word_counts(["refund", "Refund refund!"])
    pair = (once != twice).nonzero()[0]
    assert len(pair) == 1, "only the pair of words is new"


def test_words_of_text_without_letters_or_with_lone_surrogates_are_finite() -> None:
    features = word_features(word_counts(["", "!!!", "a\udc80b"]), np.ones(WORD_BUCKETS, dtype=np.float32))
    assert np.isfinite(features).all()
    assert not features[:2].any()


def test_word_scores_are_the_product_of_features_and_weights() -> None:
    texts = ["Where is my parcel? My parcel!", "", "パスワードを忘れた", "मेरा पार्सल कहाँ है?", "!!!"]
    generator = np.random.default_rng(0)
    rarity = generator.random(WORD_BUCKETS, dtype=np.float32)
    weights = generator.standard_normal((WORD_BUCKETS, 3), dtype=np.float32)
    expected = word_features(word_counts(texts), rarity) @ weights
    assert expected.any()
    np.testing.assert_allclose(word_scores(texts, rarity, weights), expected, atol=1e-5)


def test_each_cue_of_the_lexicon_counts_for_its_category() -> None:
    cues = [(cue, number) for number, name in enumerate(CATEGORIES) for cue in LEXICON["cues"][name]]
    found = letter_features(
        [f"So ({cue}) or so" for cue, _ in cues],
        np.ones((len(cues), WIDTH), dtype=np.float32),
        [np.empty((0, WIDTH), dtype=np.float32)] * len(cues),
        mean=np.zeros(WIDTH, dtype=np.float32),
        directions=np.eye(WIDTH, dtype=np.float32),
    )
    assert [cue for (cue, number), counts in zip(cues, found.cues, strict=True) if not counts[number]] == []


def test_features_of_text_in_unknown_script_ignore_the_encoder() -> None:
    encoded = np.ones((2, WIDTH), dtype=np.float32)
    found = letter_features(
        ["Where is my parcel?", "मेरा पार्सल कहाँ है?"],
        encoded,
        [np.empty((0, WIDTH), dtype=np.float32)] * 2,
        mean=np.zeros(WIDTH, dtype=np.float32),
        directions=np.eye(WIDTH, dtype=np.float32),
    )
    assert np.linalg.norm(found.whole, axis=1).round(3).tolist() == [1.0, 0.0]
    assert np.linalg.norm(found.sentences, axis=1).round(3).tolist() == [1.0, 0.0]
    assert found.cues.any(axis=1).all()
