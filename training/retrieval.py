"""Fit the weights of `hummdesk/ai/embedded/retrieval.py`: `python -m training.retrieval` prints them.

Each question of training/examples/questions.txt is asked with the article that answers it, which counts twice, and
without that article, when no source answers: two of three messages to a help desk are taken to have an answer. Every
second article has no sample questions. Messages out of scope are asked as well.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.embedded.retrieval import PassageIndex, evidence, queries_of
from hummdesk.ai.embedded.source_ranking import Source
from hummdesk.ai.protocol import Citation
from hummdesk.ai.text import plain
from training.corpus import load_companies, load_examples
from training.regression import softmax_regression

SAMPLES = 5
OUT_OF_SCOPE_WEIGHT = 6
"""Times that a message out of scope is counted: they are fewer than the others."""
PENALTY = 0.001


class Observation(NamedTuple):
    evidence: tuple[float, float, float]
    is_answered: bool


def sources_of(articles: Sequence[Sequence[str]]) -> list[Source]:
    return [
        Source(
            Citation(kind="article", title=title, id=title),
            text.removeprefix(f"{title}. "),
            tuple(questions[:SAMPLES]) if number % 2 else (),
        )
        for number, (title, text, *questions) in enumerate(articles)
    ]


def observe(index: PassageIndex, texts: Sequence[str], right: int | None) -> Iterator[Observation]:
    """Search for each of the texts, which the source number `right` answers, or none."""
    messages = [plain(text) for text in texts]
    scopes = classifiers.scope_probability(encode(messages))
    for message, in_scope in zip(messages, scopes.tolist(), strict=True):
        match = index.search(queries_of(message))[0]
        yield Observation(evidence(match, in_scope), match.source == right)


def observations() -> Iterator[Observation]:
    out_of_scope = [example.text for example in load_examples("scope")]
    companies = load_companies()
    for number, articles in enumerate(companies):
        sources = sources_of(articles)
        whole = PassageIndex([source.passages for source in sources])
        yield from OUT_OF_SCOPE_WEIGHT * list(observe(whole, out_of_scope[number :: len(companies)], None))
        for right, (_, _, *questions) in enumerate(articles):
            asked = questions[SAMPLES:] if sources[right].questions else questions
            with_answer = list(observe(whole, asked, right))
            yield from [*with_answer, *with_answer]
            others = [source.passages for source in sources if source is not sources[right]]
            yield from observe(PassageIndex(others), asked, None)


def fit() -> tuple[list[float], float]:
    """Return the weights and the intercept."""
    evidences, labels = zip(*observations(), strict=True)
    fitted = softmax_regression(np.array(evidences), np.array(labels, dtype=np.int64), 2, penalty=PENALTY)
    *weights, intercept = (fitted[:, 1] - fitted[:, 0]).tolist()
    return weights, intercept


if __name__ == "__main__":
    print(fit())
