"""Retrieval: which of an account's sources answers a message, and how probably.

A source is found by its passages: its title, its title with its body, and each question that it answers. Similarity to
a passage has four parts: meaning, meaning with phrasing, topic, and words (the cosine of inverse document frequencies).
The score of a source is a weighted sum over its five most similar passages. The twelve best sources are then ranked
again by a kernel ridge regression on their passages. A message is searched as a whole and sentence by sentence, because
people write more than their question.

The same index serves passages from memory and the nearest passages of a database.

The probability that a source answers is a separate matter: the probability that the message is in scope for a help
desk, times the probability that a source of this similarity answers a message in scope.

The constants were tuned on training/examples/questions.txt, each company with weights fitted to the other companies.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.embedding import normalize, project
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.text import SENTENCE_END, stems

PHRASING_WEIGHT, TOPIC_WEIGHT, WORD_WEIGHT = 0.5, 0.1, 0.2
"""Weights of similarity in phrasing, topic and words, beside similarity in meaning with weight 1."""
PASSAGE_WEIGHTS = (0.3, 0.25, 0.2, 0.15, 0.1)
"""Weight of a source's most similar passage, of the second, and so on."""
MISSING_PASSAGE = 0.65
"""Similarity assumed for each missing passage, relative to the least similar one that the source has. Past answers have
one passage; without this they would score lower than articles, which have several.
"""
RERANKED_SOURCES = 12
RERANK_SHARPNESS, RERANK_RIDGE = 2.0, 0.3
"""Sharpness of the regression's kernel, and its penalty."""

MIN_COLLECTION = 24
"""Least size assumed for a collection of texts: in a handful, every word would look common."""
STOPWORD_WEIGHT = 0.15

EVEN_SIMILARITY, SIMILARITY_SCALE = 0.56, 0.14
"""Similarity at which a source answers with probability 0.5, and the scale of the logistic function. Fitted by logistic
regression, assuming that no source answers one of three messages to a help desk.
"""

MAX_SENTENCES = 4
"""Sentences of a message that are searched beside the whole: the first ones of three words or more."""


@dataclass(frozen=True, slots=True)
class Passage:
    source: str
    """Key of the source to which it belongs."""
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    source: str
    similarity: float
    """About 0 if unrelated, 1 or more for the same words."""


def split_queries(text: str) -> list[str]:
    """Return the texts to search for: the whole message, and its first sentences if it has several."""
    sentences = [sentence for sentence in SENTENCE_END.split(text) if len(stems(sentence)) > 2]
    return [text, *sentences[:MAX_SENTENCES]] if len(sentences) > 1 else [text]


def answer_probability(match: Match, in_scope: float) -> float:
    """Return the probability that the source answers; `in_scope` is that of the message being in scope."""
    return in_scope / (1 + math.exp((EVEN_SIMILARITY - match.similarity) / SIMILARITY_SCALE))


class PassageIndex:
    """A searchable collection of passages."""

    def __init__(self, passages: Sequence[Passage], encoded: Vectors) -> None:
        """`encoded` has one row of `encode` per passage."""
        self._features = _features(encoded)
        self._words = _WordIndex(passage.text for passage in passages)
        self._texts = [passage.text for passage in passages]
        sources: dict[str, list[int]] = {}
        for number, passage in enumerate(passages):
            sources.setdefault(passage.source, []).append(number)
        self._sources = {source: np.array(numbers) for source, numbers in sources.items()}

    def search(self, queries: Sequence[str], encoded: Vectors) -> list[Match]:
        """Return all sources, the best first, each with its best score for any query; `encoded` are the queries."""
        if not self._sources:
            return []
        words = np.array([self._words.similarity(query) for query in queries])
        similarity = _features(encoded) @ self._features.T + WORD_WEIGHT * words
        scores = {source: max(_score(row[own]) for row in similarity) for source, own in self._sources.items()}
        return [Match(source, scores[source]) for source in self._ranked(scores, similarity)]

    def _ranked(self, scores: dict[str, float], similarity: Vectors) -> list[str]:
        order = sorted(scores, key=lambda source: -scores[source])
        reranking = self._reranking_scores(order[:RERANKED_SOURCES], similarity)
        first = sorted(reranking, key=lambda source: -(scores[source] + reranking[source]))
        return first + order[RERANKED_SOURCES:]

    def _reranking_scores(self, sources: Sequence[str], similarity: Vectors) -> dict[str, float]:
        passages = np.concatenate([self._sources[source] for source in sources])
        owners = np.repeat(np.arange(len(sources)), [len(self._sources[source]) for source in sources])
        targets = (owners[:, None] == np.arange(len(sources))).astype(float)
        words = np.array([self._words.similarity(self._texts[number])[passages] for number in passages])
        features = self._features[passages]
        kernel = _kernel(features @ features.T + WORD_WEIGHT * (words + words.T) / 2)
        weights = np.linalg.solve(kernel + RERANK_RIDGE * np.eye(len(passages)), targets - targets.mean(axis=0))
        scores = (_kernel(similarity[:, passages]) @ weights).max(axis=0)
        return dict(zip(sources, scores.tolist(), strict=True))


def _features(encoded: Vectors) -> Vectors:
    """Return rows whose inner product is the similarity in meaning, phrasing and topic."""
    meaning = project(encoded)
    topic = normalize(classifiers.topic_probabilities(meaning))
    phrasing = classifiers.centre(encoded, load_weights()["mean"])
    return np.hstack([meaning, math.sqrt(TOPIC_WEIGHT) * topic, math.sqrt(PHRASING_WEIGHT) * phrasing])


def _kernel(similarity: Vectors) -> Vectors:
    most = 1 + PHRASING_WEIGHT + TOPIC_WEIGHT + WORD_WEIGHT
    kernel: Vectors = np.exp(RERANK_SHARPNESS * (similarity - most))
    return kernel


def _score(similarities: Vectors) -> float:
    """Return the score of a source from the similarities of its passages."""
    nearest = np.sort(similarities)[::-1][: len(PASSAGE_WEIGHTS)]
    missing = np.full(len(PASSAGE_WEIGHTS) - len(nearest), MISSING_PASSAGE * nearest[-1])
    return float(np.concatenate([nearest, missing]) @ np.array(PASSAGE_WEIGHTS))


class _WordIndex:
    """Texts as sets of words, weighted by inverse document frequency."""

    def __init__(self, texts: Iterable[str]) -> None:
        documents = [set(stems(text)) for text in texts]
        self._size = max(len(documents), MIN_COLLECTION)
        self._frequencies = Counter(word for words in documents for word in words)
        self._documents: dict[str, list[int]] = {}
        for number, words in enumerate(documents):
            for word in words:
                self._documents.setdefault(word, []).append(number)
        self._norms = np.array([self._norm(words) for words in documents])

    def similarity(self, text: str) -> Vectors:
        """Return the cosine to each of the texts."""
        query = set(stems(text))
        shared = np.zeros(len(self._norms))
        for word in query & self._documents.keys():
            shared[self._documents[word]] += self._weight(word) ** 2
        cosine: Vectors = shared / (self._norm(query) * self._norms)
        return cosine

    def _norm(self, words: set[str]) -> float:
        return math.sqrt(sum(self._weight(word) ** 2 for word in sorted(words))) or 1.0

    def _weight(self, word: str) -> float:
        frequency = self._frequencies[word]
        weight = math.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))
        return weight * STOPWORD_WEIGHT if word in STOPWORDS else weight
