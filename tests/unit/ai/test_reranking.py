"""Reranking of the first sources by the cross-encoder: when it happens, and what it changes."""

from collections.abc import Sequence

import pytest

from hummdesk.ai.embedded import reranking, source_ranking
from hummdesk.ai.embedded.analysis import extract_features
from hummdesk.ai.embedded.source_ranking import RankedSource, rank_by_retrieval, rank_sources
from hummdesk.ai.protocol import Article, CannedReply, Knowledge, PastAnswer, Turn

ARTICLES = (
    Article(id="returns", title="Returns", body="You can send boots back within sixty days."),
    Article(id="delivery", title="Delivery", body="We send parcels to Norway and Iceland in three days."),
    Article(id="repairs", title="Repairs", body="We mend boots that broke within two years."),
    Article(id="sizes", title="Sizes", body="Our boots come in sizes from 35 to 46."),
)
GERMAN = Article(id="versand", title="Versand", body="Wir versenden Pakete nach Norwegen und Island in drei Tagen.")
DOUBTFUL = "Is it possible that I get rid of these boots again?"
Candidates = Sequence[tuple[float, str]]


class RecordedRanking:
    """In place of `rerank`: the last candidate answers, the others do not."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[Turn], list[str]]] = []

    def __call__(self, question: str, history: Sequence[Turn], candidates: Candidates) -> list[float]:
        self.asked.append((question, history, [chunk for _, chunk in candidates]))
        return ([0.1] * (len(candidates) - 1) + [0.8])[: len(candidates)]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> RecordedRanking:
    recorded = RecordedRanking()
    monkeypatch.setattr(reranking, "rerank", recorded)
    monkeypatch.setattr(reranking, "LEAST", 0.0)
    return recorded


def ranked(question: str, articles: Sequence[Article] = ARTICLES, history: Sequence[Turn] = ()) -> list[RankedSource]:
    return rank_sources(extract_features([question])[0], Knowledge(articles=tuple(articles)), history)


def retrieved(question: str, articles: Sequence[Article] = ARTICLES) -> list[RankedSource]:
    return rank_by_retrieval(extract_features([question])[0], Knowledge(articles=tuple(articles)))


def same(found: Sequence[RankedSource], expected: Sequence[RankedSource]) -> bool:
    """Whether both are equal but for rounding, which differs with the texts that are encoded together."""
    return [one.source for one in found] == [one.source for one in expected] and [
        one.probability for one in found
    ] == pytest.approx([one.probability for one in expected], abs=1e-4)


def test_first_sources_have_new_probabilities_and_order_and_others_follow(recorded: RecordedRanking) -> None:
    before, after = retrieved(DOUBTFUL), ranked(DOUBTFUL)
    count = reranking.CANDIDATES
    assert after[0].source is before[count - 1].source
    assert [one.probability for one in after[:count]] == [0.8] + [0.1] * (count - 1)
    assert same(after[count:], before[count:])
    ((question, _, chunks),) = recorded.asked
    assert question == DOUBTFUL
    assert chunks == [f"{one.source.citation.title}. {one.source.body}" for one in before[:count]]


def test_history_is_read(recorded: RecordedRanking) -> None:
    history = (Turn(sender="customer", content="Hello"), Turn(sender="agent", content="Good day"))
    ranked(DOUBTFUL, history=history)
    assert recorded.asked[0][1] == history
    assert reranking.history_text((Turn(sender="customer", content="Earlier"), *history)) == "Hello Good day"


@pytest.mark.parametrize("question", ["Kann ich die Stiefel wieder loswerden?", "…", "注文した商品が届きません"])
def test_question_that_is_not_english_keeps_the_ranking_by_retrieval(question: str, recorded: RecordedRanking) -> None:
    assert same(ranked(question), retrieved(question))
    assert recorded.asked == []


def test_source_that_is_not_english_keeps_its_probability(recorded: RecordedRanking) -> None:
    articles = (ARTICLES[1], GERMAN)
    before, after = (
        {one.source.citation.id: one.probability for one in found("Do you send it to Iceland?", articles)}
        for found in (retrieved, ranked)
    )
    assert after == pytest.approx({"delivery": 0.8, "versand": before["versand"]}, abs=1e-4)


@pytest.mark.parametrize(
    "knowledge",
    [
        Knowledge(articles=(GERMAN,)),
        Knowledge(canned_replies=(CannedReply(title="Boots", content="You can send boots back."),)),
        Knowledge(
            past_answers=(PastAnswer(id="1", question="Can I send boots back?", answer="Yes."),), articles=(GERMAN,)
        ),
    ],
)
def test_ranking_is_that_by_retrieval_if_the_first_source_is_no_english_article(
    knowledge: Knowledge, recorded: RecordedRanking
) -> None:
    message = extract_features([DOUBTFUL])[0]
    assert rank_sources(message, knowledge) == rank_by_retrieval(message, knowledge)
    assert recorded.asked == []


@pytest.mark.parametrize(("more", "comes_first"), [(0.01, True), (-0.01, False)])
def test_source_comes_first_only_if_it_is_much_more_probable(
    more: float, comes_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    better = 0.5 + source_ranking.RERANKING_MARGIN + more
    monkeypatch.setattr(reranking, "LEAST", 0.0)
    monkeypatch.setattr(reranking, "rerank", lambda *_: [0.5, better])
    before, after = retrieved(DOUBTFUL), ranked(DOUBTFUL)
    second = before[1].source
    assert (after[0].source is second) == comes_first
    assert [one.probability for one in after if one.source is second] == [better]


def test_question_that_is_near_verbatim_keeps_the_ranking_by_retrieval(recorded: RecordedRanking) -> None:
    question = "You can send boots back within sixty days"
    assert retrieved(question)[0].probability > reranking.MOST
    assert same(ranked(question), retrieved(question))
    assert recorded.asked == []


def test_question_without_probable_source_keeps_the_ranking_by_retrieval(
    recorded: RecordedRanking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranking, "LEAST", 0.5)
    assert same(ranked("Play some jazz"), retrieved("Play some jazz"))
    assert recorded.asked == []


def test_no_source_is_ranked_without_knowledge() -> None:
    assert ranked(DOUBTFUL, ()) == []


def test_cross_encoder_raises_the_probability_of_an_article_that_answers_in_other_words() -> None:
    before, after = retrieved(DOUBTFUL)[0], ranked(DOUBTFUL)[0]
    assert after.source == before.source
    assert after.source.citation.id == "returns"
    assert after.probability > before.probability + 0.05


@pytest.mark.parametrize("body", ["word " * 2000, "x" * 10_000, "\n" * 10_000, "", "## \n\n* \n1. "])
def test_any_article_can_be_ranked(body: str) -> None:
    odd = Article(id="odd", title="", body=body, questions=("", "How do I get rid of boots?"))
    found = ranked(DOUBTFUL, (*ARTICLES, odd))
    assert {one.source.citation.id for one in found} == {"odd", *(one.id for one in ARTICLES)}
    assert all(0 < one.probability < 1 for one in found)


def test_probability_grows_with_the_score_and_with_its_margin() -> None:
    def first(*scores: float) -> float:
        return reranking.probabilities([0.3] * len(scores), scores, reranking.WEIGHTS)[0]

    assert first(2, 0) > first(1, 0) > first(1, 1) > first(1, 2)
    assert reranking.probabilities([0.0, 0.3, 1.0], [0, 0, 0], (0, 0, 0)) == pytest.approx([0, 0.3, 1], abs=1e-3)


def test_bounds_of_doubt_are_those_of_the_most_probable_source() -> None:
    assert reranking.is_doubtful([reranking.LEAST, 0.0])
    assert reranking.is_doubtful([0.1, reranking.MOST])
    assert not reranking.is_doubtful([reranking.LEAST / 2, 0.0])
    assert not reranking.is_doubtful([reranking.MOST + 0.01, 0.5])


def test_threshold_is_within_the_bounds_of_doubt() -> None:
    assert reranking.LEAST < source_ranking.THRESHOLD < reranking.MOST
