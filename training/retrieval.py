"""Fit the weights of `hummdesk/ai/embedded/retrieval.py`: `python -m training.retrieval` prints a fit.

Each question of training/examples/questions.txt is asked with the article that answers it, which counts four times, and
without that article, when no source answers: four of five messages to a help desk are taken to have an answer. Every
second article has no sample questions. Messages out of scope are asked as well.

The questions of training/examples/help_centres, whose articles are as long as real ones, are asked likewise. With the
article they count twice, since other questions there have no answer at all; all of them count more, because they are
fewer.

Messages of help_centres with a history are follow-ups, or another matter.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.embedded.retrieval import PassageIndex, evidence, queries_of
from hummdesk.ai.embedded.source_ranking import sources_of
from hummdesk.ai.protocol import Article, Knowledge, Turn
from hummdesk.ai.text import plain
from training.corpus import CustomerQuestion, HelpCentre, load_companies, load_examples, load_help_centres
from training.regression import softmax_regression

SAMPLES = 5
OUT_OF_SCOPE_WEIGHT = 12
"""Times that a message out of scope is counted: they are fewer than the others."""
HELP_CENTRE_WEIGHT = 8
UNANSWERED_WEIGHT = 3
"""Times that a question of a help centre that no article answers is counted, beside HELP_CENTRE_WEIGHT."""
PENALTY = 0.02
"""Of the squared weights, for each observation; the evidence is scaled to variance 1 before."""


class Observation(NamedTuple):
    evidence: tuple[float, ...]
    is_answered: bool


@cache
def in_scope(message: str) -> float:
    return float(classifiers.scope_probability(encode([message]))[0])


class Collection:
    """Articles of a company, to be searched."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._sources = sources_of(Knowledge(articles=tuple(articles)))
        self._index = PassageIndex(self._sources)

    def observe(self, text: str, right: frozenset[str], history: Sequence[Turn] = ()) -> Observation:
        """Search for a question that the articles `right` answer, or none."""
        message = plain(text)
        match = self._index.search(queries_of(message, history))[0]
        return Observation(evidence(match, in_scope(message)), self._id(match.source) in right)

    def observe_follow_up(self, question: CustomerQuestion) -> Observation:
        message = plain(question.text)
        alone = self._index.search(queries_of(message))
        found = self._index.search(queries_of(message, question.history))[0].source
        own = next(match.score for match in alone if match.source == found)
        gap = max(match.score for match in alone) - own
        is_answered = question.kind == "follow_up" and self._id(found) in question.sources
        return Observation((gap, self._index.unexplained(message, found)), is_answered)

    def _id(self, number: int) -> str | None:
        return self._sources[number].citation.id


def short_articles(company: Sequence[Sequence[str]]) -> list[Article]:
    """Return articles of `load_companies`."""
    return [
        Article(
            id=title,
            title=title,
            body=text.removeprefix(f"{title}. "),
            questions=tuple(questions[:SAMPLES]) if number % 2 else (),
        )
        for number, (title, text, *questions) in enumerate(company)
    ]


def observations_of_companies() -> Iterator[Observation]:
    out_of_scope = [example.text for example in load_examples("scope")]
    companies = load_companies()
    for number, company in enumerate(companies):
        articles = short_articles(company)
        whole = Collection(articles)
        for text in out_of_scope[number :: len(companies)]:
            yield from OUT_OF_SCOPE_WEIGHT * [whole.observe(text, frozenset())]
        for article, (_, _, *questions) in zip(articles, company, strict=True):
            others = Collection([one for one in articles if one is not article])
            for text in questions[SAMPLES:] if article.questions else questions:
                yield from 4 * [whole.observe(text, frozenset({article.id}))]
                yield others.observe(text, frozenset())


def observations_of_help_centre(centre: HelpCentre) -> Iterator[Observation]:
    whole = Collection(centre.articles)
    without = {
        article.id: Collection([one for one in centre.articles if one is not article]) for article in centre.articles
    }
    for question in centre.questions:
        if question.kind in ("drift", "drift_near", "two_in_one"):
            continue
        observation = whole.observe(question.text, question.sources, question.history)
        yield from (2 if question.sources else UNANSWERED_WEIGHT) * [observation]
        for source in question.sources:
            yield without[source].observe(question.text, frozenset(), question.history)


def fit(observations: Sequence[Observation]) -> tuple[list[float], float]:
    """Return the weights and the intercept."""
    evidences, labels = (np.array(column) for column in zip(*observations, strict=True))
    scale = evidences.std(axis=0)
    fitted = softmax_regression(evidences / scale, labels.astype(np.int64), 2, penalty=PENALTY * len(labels))
    *weights, intercept = fitted[:, 1] - fitted[:, 0]
    return (np.array(weights) / scale).tolist(), float(intercept)


def main() -> None:
    centres = load_help_centres()
    of_centres = [one for centre in centres for one in observations_of_help_centre(centre)]
    print(fit([*observations_of_companies(), *(HELP_CENTRE_WEIGHT * of_centres)]))
    follow_ups = [
        Collection(centre.articles).observe_follow_up(question)
        for centre in centres
        for question in centre.questions
        if question.history
    ]
    print(fit(follow_ups))


if __name__ == "__main__":
    main()
