"""The parts of a draft: which sources answer the message as a whole and which its clauses, and in which order."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hummdesk.ai.embedded.answer import parts
from hummdesk.ai.embedded.article_text import count_words
from hummdesk.ai.embedded.quotation import MAX_WORDS, MAX_WORDS_OF_SEVERAL
from hummdesk.ai.embedded.source_ranking import THRESHOLD, RankedClause, RankedSource, Source
from hummdesk.ai.protocol import Citation


def ranked(words: int = 1, /, **probabilities: float) -> list[RankedSource]:
    """Return sources by title in this order; the body of each repeats its title."""
    return [
        RankedSource(
            Source(Citation(kind="article", title=title, id=title), " ".join([title] * words)),
            probability,
            1.0,
            asked=(" ".join(probabilities),),
        )
        for title, probability in probabilities.items()
    ]


def clause(words: int = 5, /, **probabilities: float) -> RankedClause:
    return RankedClause(words, ranked(**probabilities))


def titles(whole: list[RankedSource], *clauses: RankedClause) -> list[str]:
    selected = [one for one in whole if one.probability >= THRESHOLD]
    return [part.ranked.source.citation.title for part in parts(whole, selected, clauses)]


def test_message_without_sources_has_no_parts() -> None:
    assert titles([]) == []


@pytest.mark.parametrize(("probability", "expected"), [(0.69, []), (0.7, ["refund"])])
def test_clause_alone_leads_only_if_its_source_is_much_more_probable(probability: float, expected: list[str]) -> None:
    assert titles(ranked(refund=0.3), clause(refund=probability), clause(lamp=0.1)) == expected


@pytest.mark.parametrize(("words", "expected"), [(2, []), (3, ["weight"])])
def test_clause_of_two_words_does_not_lead(words: int, expected: list[str]) -> None:
    assert titles(ranked(weight=0.3), clause(words, weight=0.9), clause(lamp=0.1)) == expected


@pytest.mark.parametrize(
    ("whole", "of_clause", "expected"),
    [
        (0.02, 0.49, ["key"]),
        (0.19, 0.49, ["key"]),
        (0.2, 0.49, ["key", "stolen"]),
        (0.2, 0.19, ["key"]),
        (0.02, 0.5, ["key", "stolen"]),
    ],
)
def test_source_of_clause_is_added_if_probable_for_it_or_for_the_whole_message(
    whole: float, of_clause: float, expected: list[str]
) -> None:
    assert titles(ranked(key=0.86, stolen=whole), clause(key=0.9), clause(stolen=of_clause)) == expected


def test_fourth_source_of_the_whole_message_needs_a_probable_clause() -> None:
    whole = ranked(key=0.86, lock=0.4, light=0.4, stolen=0.4)
    assert titles(whole, clause(key=0.9), clause(stolen=0.49)) == ["key"]


def test_clause_that_leads_comes_first_whatever_its_place() -> None:
    whole = ranked(weight=0.33, frame=0.3)
    assert titles(whole, clause(frame=0.26), clause(weight=0.81)) == ["weight", "frame"]
    assert titles(whole, clause(frame=0.75), clause(weight=0.81)) == ["weight", "frame"]


def test_source_of_the_whole_message_precedes_more_probable_clauses_and_stands_once() -> None:
    whole = ranked(refund=0.6, lamp=0.5)
    assert titles(whole, clause(lamp=0.9), clause(refund=0.8)) == ["refund", "lamp"]


def test_least_probable_of_too_many_parts_is_dropped() -> None:
    clauses = [
        clause(**{title: probability}) for title, probability in {"a": 0.9, "b": 0.5, "c": 0.6, "d": 0.7}.items()
    ]
    assert titles(ranked(a=0.3), *clauses) == ["a", "c", "d"]


def test_least_probable_part_of_a_long_draft_is_dropped_but_not_the_first() -> None:
    def long(**probabilities: float) -> RankedClause:
        return RankedClause(5, ranked(45, **probabilities))

    assert titles(ranked(45, a=0.5), long(bb=0.7), long(c=0.6)) == ["a", "bb"]
    assert titles(ranked(45, a=0.5), long(bb=0.6), long(c=0.7)) == ["a", "c"]
    assert titles(ranked(45, a=0.5), RankedClause(5, ranked(10, bb=0.7)), long(c=0.6)) == ["a", "bb", "c"]


def test_first_source_is_asked_for_the_clauses_that_no_other_one_answers() -> None:
    whole = ranked(key=0.86, stolen=0.4)
    found = parts(whole, whole[:1], [clause(key=0.9), clause(stolen=0.9), clause(lamp=0.1)])
    assert [part.ranked.asked for part in found] == [("key lamp",), ("stolen",)]


def test_source_is_asked_for_all_clauses_that_it_answers_best() -> None:
    whole = ranked(key=0.86, stolen=0.4)
    again = replace(ranked(stolen=0.9)[0], asked=("police",))
    little = replace(ranked(stolen=0.1)[0], asked=("thief",))
    clauses = [clause(key=0.9), clause(stolen=0.9), RankedClause(5, [again]), RankedClause(5, [little])]
    found = parts(whole, whole[:1], clauses)
    assert [part.ranked.asked for part in found] == [("key",), ("stolen police thief",)]


def test_first_source_of_a_follow_up_is_asked_with_the_conversation() -> None:
    whole = [replace(one, asked=("And the key?", "My bicycle. And the key?")) for one in ranked(key=0.86, stolen=0.4)]
    found = parts(whole, whole[:1], [clause(key=0.9), clause(stolen=0.9)])
    assert [part.ranked.asked for part in found] == [("key", "My bicycle. And the key?"), ("stolen",)]


def test_newer_article_that_contradicts_is_quoted_for_the_same_clause() -> None:
    def refunds(days: int, year: int) -> Source:
        refund = f"Refunds of returned lamps take {days} days after we have received them at our warehouse."
        other = "The delivery of a lamp costs nothing for orders of more than fifty pounds in all of our shops. " * 5
        changed_at = datetime(year, 1, 1, tzinfo=UTC)
        return Source(Citation(kind="article", title="Lamps", id=str(year)), f"{refund} {other}", changed_at=changed_at)

    message = "What does the delivery of a lamp cost? How long do refunds of returned lamps take?"
    key, older, newer = (
        RankedSource(source, probability, 1.0, asked=(message,))
        for source, probability in ((ranked(key=1)[0].source, 0.9), (refunds(5, 2024), 0.4), (refunds(9, 2025), 0.4))
    )
    asked = replace(older, probability=0.9, asked=("How long do refunds of returned lamps take?",))
    _, found = parts([key, older, newer], [key], [clause(key=0.9), RankedClause(5, [asked])])
    assert found.text == "Refunds of returned lamps take 9 days after we have received them at our warehouse."
    assert found.ranked.asked == asked.asked
    assert [one.source.citation.id for one in found.contradicted] == ["2024"]


def test_only_source_is_asked_for_the_whole_message() -> None:
    whole = ranked(key=0.86, stolen=0.1)
    found = parts(whole, whole[:1], [clause(key=0.9), clause(lamp=0.1)])
    assert [part.ranked.asked for part in found] == [("key stolen",)]


def test_article_that_answers_alone_is_quoted_at_more_length_than_one_of_several() -> None:
    sentences = [
        f"Refund {number} of the {number} lamps takes {number} days after the return of all of them."
        for number in range(20)
    ]
    source = Source(Citation(kind="article", title="Refund", id="1"), " ".join(sentences))
    refund = RankedSource(source, 0.9, 1.0, asked=("Refund",))
    (alone,) = parts([refund], [refund], [])
    first, _ = parts([refund], [refund], [RankedClause(5, [refund]), clause(lamp=0.9)])
    assert MAX_WORDS_OF_SEVERAL >= count_words(first.text) < count_words(alone.text) <= MAX_WORDS
