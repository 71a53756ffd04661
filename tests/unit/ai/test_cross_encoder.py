"""The cross-encoder: its scores, what it reads of long texts, and the passages that it keeps."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hummdesk.ai.embedded import cross_encoder
from hummdesk.ai.embedded.cross_encoder import CrossEncoder, PassageStates, load_cross_encoder
from hummdesk.ai.embedded.passage_cache import BoundedCache

RECORDED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("cross_encoder.json").read_text(encoding="utf-8"))
"""Scores by the model in float32, as it was fitted, with the original's layers: `question`, `history`, `passages`."""
TOLERANCE = 0.15
"""Scores range from -6 to 6. With weights of eight bits they differ by 0.03 on average."""
QUESTION = "Can I send the boots back after a month?"
RETURNS = "Returns. You can return boots within 60 days. We refund what you paid."
DELIVERY = "Delivery. Parcels take three days. We deliver to Norway and Iceland."


@pytest.fixture(scope="module")
def encoder() -> CrossEncoder:
    return load_cross_encoder()


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["question"][:30])
def test_scores_are_those_of_the_fitted_model(case: dict[str, Any], encoder: CrossEncoder) -> None:
    scores = encoder.scores(case["question"], case["history"], case["passages"])
    assert scores == pytest.approx(case["scores"], abs=TOLERANCE)


def test_passage_that_answers_has_the_highest_score_in_any_company(encoder: CrossEncoder) -> None:
    alone = [encoder.scores(QUESTION, "", [passage])[0] for passage in (RETURNS, DELIVERY)]
    assert alone[0] > alone[1] + 1
    assert encoder.scores(QUESTION, "", [RETURNS, DELIVERY]) == pytest.approx(alone, abs=1e-3)
    assert encoder.scores(QUESTION, "", [DELIVERY, RETURNS]) == pytest.approx(alone[::-1], abs=1e-3)


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x01", "…", "😀", "注文した商品が届きません", "word " * 2000, "x" * 10_000]
)
def test_any_text_has_scores(text: str, encoder: CrossEncoder) -> None:
    for scores in (encoder.scores(text, text, [RETURNS, DELIVERY]), encoder.scores(QUESTION, "", [text])):
        assert all(abs(score) < 50 for score in scores)


def test_no_passage_has_no_score(encoder: CrossEncoder) -> None:
    assert encoder.scores(QUESTION, "", []) == []


def test_long_question_is_read_at_both_ends_with_the_end_of_the_history(encoder: CrossEncoder) -> None:
    question = "first " + "word " * 2000 + "last"
    tokens = encoder.question_tokens(question, "before " + "word " * 2000 + "after")
    most = cross_encoder.HISTORY_TOKENS + cross_encoder.QUESTION_BEGINNING + cross_encoder.QUESTION_END + 2
    assert len(tokens) == most <= cross_encoder.MAX_TOKENS
    first, last, before, after = (encoder.question_tokens(one, "")[1] for one in ("first", "last", "before", "after"))
    assert {first, last, after} <= set(tokens)
    assert before not in tokens


def test_long_passage_is_read_at_its_beginning(encoder: CrossEncoder) -> None:
    assert len(encoder.passage_tokens("word " * 2000)) == cross_encoder.MAX_TOKENS
    short = encoder.passage_tokens(RETURNS)[:-1]
    assert encoder.passage_tokens(RETURNS + " word" * 2000)[: len(short)] == short


@pytest.fixture
def encoded(encoder: CrossEncoder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passages that are encoded; at first, none is cached."""
    passages: list[str] = []
    tokens = encoder.passage_tokens

    def recorded(passage: str) -> list[int]:
        passages.append(passage)
        return tokens(passage)

    monkeypatch.setattr(encoder, "passage_tokens", recorded)
    encoder.forget_passages()
    return passages


def test_passage_is_encoded_once(encoder: CrossEncoder, encoded: list[str]) -> None:
    repairs, sizes = "Repairs. We repair boots.", "Sizes. We have sizes 35 to 46."
    alone = encoder.scores(QUESTION, "", [RETURNS])
    mixed = encoder.scores(QUESTION, "", [sizes, RETURNS, repairs])
    assert mixed[1:2] == pytest.approx(alone, abs=1e-4)
    assert encoder.scores(QUESTION, "", [repairs, sizes]) == pytest.approx([mixed[2], mixed[0]], abs=1e-4)
    encoder.scores("Do you repair soles?", "", [RETURNS, repairs, repairs])
    assert encoded == [RETURNS, sizes, repairs]


def test_least_recently_used_passages_leave_the_cache(
    encoder: CrossEncoder, encoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = size_of(encoder, RETURNS)
    cache: BoundedCache[PassageStates] = BoundedCache(max_bytes=2 * (size + sys.getsizeof(RETURNS)))
    monkeypatch.setattr(encoder, "_passages", cache)
    encoded.clear()
    others = [RETURNS.replace("60", number) for number in ("61", "62", "63")]
    for passage in (RETURNS, *others, RETURNS):
        encoder.scores(QUESTION, "", [passage])
        assert cache.size <= 2 * (size + sys.getsizeof(RETURNS))
    assert encoded == [RETURNS, *others, RETURNS]


def test_size_of_a_passage_is_that_of_its_arrays(encoder: CrossEncoder) -> None:
    size, tokens = size_of(encoder, RETURNS), len(encoder.passage_tokens(RETURNS))
    values = tokens * cross_encoder.WIDTH * (1 + 2 * cross_encoder.JOINT_LAYERS)
    assert size == 2 * values
    assert cross_encoder.CACHED_BYTES // (size * cross_encoder.MAX_TOKENS // tokens) > 60


def size_of(encoder: CrossEncoder, passage: str) -> int:
    encoder.forget_passages()
    encoder.scores(QUESTION, "", [passage])
    states = encoder._passages.find((passage,))
    assert states is not None
    return states.size
