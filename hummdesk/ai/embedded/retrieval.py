"""Retrieval: which of an account's sources answers a message, and how probably.

A source is found by its passages: its title, its title with its body, each question that it answers, and each
sentence of a long article, alone and with its title and heading. Similarity to a passage has four parts: meaning,
meaning with phrasing, topic, and words (the cosine of inverse document frequencies). The score of a source is a
weighted sum over its five most similar passages, and Okapi BM25 of its whole text: rare words of a long message, such
as a product's name, say more than its meaning as a whole. The twelve best sources are then ranked again by a kernel
ridge regression on their passages.

A message is searched as a whole, sentence by sentence, because people write more than their question, and together with
the conversation before it, because they ask "and abroad?".

The probability that a source answers follows from its score, from how much lower the others' are (of sources that are
all alike none answers), from the passage that is nearest to the message in meaning, from the share of the message's
rare words that it contains, and from the probability that the message is in scope for a help desk. A source that is
found together with the conversation answers if the message alone is not much nearer to another one, and brings no
matter of its own: few rare words that the source does not contain. The weights come from fits by
`training/retrieval.py`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Protocol

import numpy as np

from hummdesk.ai.embedded import classifiers, language, stored_encodings
from hummdesk.ai.embedded.embedding import DIMENSIONS, normalize, project
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.passage_cache import PassageCache, Passages
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.protocol import UNKNOWN_LANGUAGE, Turn
from hummdesk.ai.text import SENTENCE_END, plain, stems

PHRASING_WEIGHT, TOPIC_WEIGHT, WORD_WEIGHT = 0.7, 0.1, 0.35
"""Weights of similarity in phrasing, topic and words, beside similarity in meaning with weight 1."""
PASSAGE_WEIGHTS = (0.3, 0.25, 0.2, 0.15, 0.1)
"""Weight of a source's most similar passage, of the second, and so on."""
MISSING_PASSAGE = 0.65
"""Similarity assumed for each missing passage, relative to the least similar one that the source has. Past answers have
one passage; without this they would score lower than articles, which have several.
"""
TERM_WEIGHT = 0.06
"""Weight of BM25 in the score of a source. BM25 is about 3 for one rare word that both have, and 15 for many."""
MANY_TERMS = 10
"""Words of a message, other than the most common ones, from which BM25 has its whole weight. With fewer it loses weight
by the third power: of few words each may be chosen by chance.
"""
TERM_SATURATION, LENGTH_NORMALIZATION = 1.2, 0.75
"""The parameters k and b of BM25, with their usual values."""
RERANKED_SOURCES = 12
RERANK_SHARPNESS, RERANK_RIDGE = 2.0, 0.3
"""Sharpness of the regression's kernel, and its penalty."""
SENTENCE_PENALTY = 0.15
"""Deducted from what is found by a sentence: a sentence says less than the message."""

MIN_COLLECTION = 24
"""Least size assumed for a collection of texts: in a handful, every word would look common."""
STOPWORD_WEIGHT = 0.15

WEIGHTS, INTERCEPT = (-0.88, 3.46, 0.27, 1.84, 6.70), -4.08
"""Of what `evidence` returns, in a logistic function.

They are of an earlier fit, which cannot be repeated. With those of today's, (0.72, 3.68, 0.26, 0.20, 5.03) and -4.20,
44 drafts on the development part of the yardstick lack a needed source in place of 27, and at any threshold with
as few, fewer questions are answered.
"""
FOLLOW_UP_WEIGHTS, FOLLOW_UP_INTERCEPT = (-1.01, -0.113), 1.0
"""Of how much nearer another source is to the message alone, and of the weight of the words that the source does not
contain, in a logistic function. The intercept is by 0.6 lower than fitted: a wrong draft costs more than none.
"""
LEAST_SCOPE = 1e-4
"""Least probability of being in scope, and of not being in scope."""

MAX_SENTENCES = 4
"""Sentences of a message that are searched beside the whole: the first ones of three words or more."""
MAX_CLAUSES = 4
MIN_CLAUSE_WORDS = 1
"""Words, other than the most common ones, of a clause that can be a question of its own."""
PRECEDING_TURNS = 2
"""Messages before the customer's that are searched together with it."""

CACHED_BYTES = 40_000_000
"""Size of the passages that are cached per process: of about 300 sources of 25 passages, or of 40 long articles."""
CACHED_QUERIES = 8
"""Groups of texts of a message whose features are cached per process, to compare them with several sources."""
CACHED_TEXTS = 500
"""Texts of sources and messages whose words are cached per process."""


CONJUNCTIONS = {
    "bg": ("и",),
    "ca": ("i",),
    "cs": ("a",),
    "da": ("og",),
    "de": ("und",),
    "en": ("and",),
    "es": ("y", "e"),
    "fr": ("et",),
    "hr": ("i",),
    "it": ("e", "ed"),
    "nl": ("en",),
    "no": ("og",),
    "pl": ("i", "oraz"),
    "pt": ("e",),
    "ru": ("и",),
    "sr": ("и", "i"),
    "sv": ("och",),
    "tr": ("ve",),
    "uk": ("та", "і", "й"),
}
"""What joins two questions in a sentence, by language: a word such as `i` or `en` is another one elsewhere. In a text
of no certain language, it is that of English.
"""
_CONJUNCTIONS = {
    code: re.compile(rf"[,;:]?\s(?:{'|'.join(words)})\s", re.IGNORECASE) for code, words in CONJUNCTIONS.items()
}


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    source: int
    score: float
    """About 0 if unrelated, 1 or more for the same words."""
    margin: float
    """How much higher than the best of the other sources' that is."""
    meaning: float
    """Similarity in meaning of the first query to the passage that is nearest to it."""
    covered: float
    """Share of the first query's words, by their inverse document frequencies, that the source contains."""
    length: float
    """Share of MANY_TERMS that the longest query has, at most 1."""


class Searchable(Protocol):
    """A source that can be searched."""

    @property
    def passages(self) -> tuple[str, ...]: ...
    @property
    def whole(self) -> str:
        """Its text for the search by words."""
        ...

    @property
    def encoded(self) -> bytes:
        """The stored encodings of its passages; empty if there are none."""
        ...


def forget_passages() -> None:
    """Empty the caches of this process, to measure drafts from articles that it has not seen."""
    _PASSAGES.clear()
    _words.cache_clear()
    _terms.cache_clear()


def queries_of(text: str, history: Sequence[Turn] = ()) -> list[Query]:
    """Return the texts to search for: the message, its first sentences if it has several, and both with its history."""
    sentences = [sentence for sentence in SENTENCE_END.split(text) if len(stems(sentence)) > 2]
    queries = [Query(text)]
    if len(sentences) > 1:
        queries += [Query(sentence, SENTENCE_PENALTY) for sentence in sentences[:MAX_SENTENCES]]
    if history:
        before = [plain(turn.content) for turn in history[-PRECEDING_TURNS:]]
        queries.append(Query(" ".join([*before, text])))
    return queries


def clauses_of(text: str) -> list[str]:
    """Return the parts of a message that may each be a question of its own: sentences, and what "and" joins."""
    detected = language.detect(text)
    conjunction = _CONJUNCTIONS.get("en" if detected == UNKNOWN_LANGUAGE else detected)
    sentences = SENTENCE_END.split(text)
    clauses = chain.from_iterable(map(conjunction.split, sentences)) if conjunction else sentences
    return list(islice((one for one in clauses if len(_words(one) - STOPWORDS) >= MIN_CLAUSE_WORDS), MAX_CLAUSES))


def answer_probability(match: Match, in_scope: float) -> float:
    """Return the probability that the source answers; `in_scope` is that of the message being in scope."""
    log_odds = np.array(evidence(match, in_scope)) @ WEIGHTS + INTERCEPT
    return 1 / (1 + math.exp(-log_odds))


def evidence(match: Match, in_scope: float) -> tuple[float, ...]:
    """Return what WEIGHTS belong to. Of few words each may be contained by chance: they count less.

    The length is that of the longest query, so that a short message counts fully if it is searched with its history.
    """
    scope = min(max(in_scope, LEAST_SCOPE), 1 - LEAST_SCOPE)
    return (
        match.score,
        match.margin,
        math.log(scope / (1 - scope)),
        match.covered * match.length,
        match.meaning,
    )


def follow_up_probability(evidence: tuple[float, float]) -> float:
    """Return the probability that a message asks on about the source that is found together with its history."""
    return 1 / (1 + math.exp(-(np.array(evidence) @ FOLLOW_UP_WEIGHTS + FOLLOW_UP_INTERCEPT)))


def similarity(queries: Sequence[str], passages: Sequence[str]) -> Vectors:
    """Return the similarity of each query, as a row, to each passage of one source."""
    index = _WordIndex(_PASSAGES.get(tuple(passages)).words)
    words = np.array([index.similarity(query) for query in queries])
    return similarity_in_meaning(queries, passages) + WORD_WEIGHT * words


def similarity_in_meaning(queries: Sequence[str], passages: Sequence[str]) -> Vectors:
    """Return the similarity without its part in words, in a tenth of the time."""
    similar: Vectors = _query_features(tuple(queries)) @ _PASSAGES.get(tuple(passages)).features.T
    return similar


def word_overlap(query: str, texts: Sequence[str]) -> Vectors:
    """Return the share of the weights of a query's words that each text contains, of those that any contains."""
    frequencies = Counter(word for text in texts for word in _words(text))
    weights = {
        word: _inverse_frequency(frequencies[word], len(texts))
        for word in sorted(_words(query) - STOPWORDS)
        if frequencies[word]
    }
    total = sum(weights.values()) or 1.0
    return np.array([sum(own for word, own in weights.items() if word in _words(text)) for text in texts]) / total


class PassageIndex:
    """A searchable collection of sources, each a group of passages and their text as a whole."""

    def __init__(self, sources: Sequence[Searchable]) -> None:
        known = [_PASSAGES.get(source.passages, source.encoded) for source in sources]
        self._features = np.vstack([one.features for one in known]) if known else np.empty(0)
        self._words = _WordIndex([words for one in known for words in one.words])
        self._terms = _TermIndex([source.whole for source in sources])
        counts = [len(one.words) for one in known]
        ends = np.cumsum(counts).tolist()
        self._sources = [np.arange(end - count, end) for count, end in zip(counts, ends, strict=True)]

    def search(self, queries: Sequence[Query]) -> list[Match]:
        """Return all sources, the best first, each with its best score for any query."""
        if not self._sources:
            return []
        features = _query_features(tuple(query.text for query in queries))
        similarity = self._similarity(queries, features)
        meaning = features[0, :DIMENSIONS] @ self._features[:, :DIMENSIONS].T
        covered = self._terms.covered(queries[0].text)
        nearest = similarity.max(axis=0)
        wholes = [query.text for query in queries if not query.penalty]
        terms = np.max([self._terms.score(text) for text in wholes], axis=0)
        scores = np.array([_score(nearest[own]) for own in self._sources]) + TERM_WEIGHT * terms
        length = max(map(length_of, wholes))
        order = np.argsort(-scores, kind="stable").tolist()
        reranking = self._reranking_scores(order[:RERANKED_SOURCES], similarity)
        first = sorted(reranking, key=lambda source: -(scores[source] + reranking[source]))
        return [
            Match(
                source=number,
                score=float(scores[number]),
                margin=float(
                    scores[number] - max((scores[other] for other in order[:2] if other != number), default=0.0)
                ),
                meaning=float(meaning[self._sources[number]].max()),
                covered=float(covered[number]),
                length=length,
            )
            for number in first + order[RERANKED_SOURCES:]
        ]

    def unexplained(self, text: str, source: int) -> float:
        """Return the inverse document frequencies of the words of a text that a source does not contain."""
        return self._terms.missing_weight(text, source)

    def _similarity(self, queries: Sequence[Query], features: Vectors) -> Vectors:
        """Return a row for each query, a column for each passage."""
        words = np.array([self._words.similarity(query.text) for query in queries])
        penalties = np.array([[query.penalty] for query in queries])
        similarity: Vectors = features @ self._features.T + WORD_WEIGHT * words - penalties
        return similarity

    def _reranking_scores(self, sources: Sequence[int], similarity: Vectors) -> dict[int, float]:
        passages = np.concatenate([self._sources[source] for source in sources])
        owners = np.repeat(np.arange(len(sources)), [len(self._sources[source]) for source in sources])
        targets = (owners[:, None] == np.arange(len(sources))).astype(float)
        words = self._words.between_texts[np.ix_(passages, passages)]
        features = self._features[passages]
        kernel = _kernel(features @ features.T + WORD_WEIGHT * words)
        weights = np.linalg.solve(kernel + RERANK_RIDGE * np.eye(len(passages)), targets - targets.mean(axis=0))
        scores = (_kernel(similarity[:, passages]) @ weights).max(axis=0)
        return dict(zip(sources, scores.tolist(), strict=True))


def _features(encoded: Vectors) -> Vectors:
    """Return rows whose inner product is the similarity in meaning, phrasing and topic, of texts that are encoded."""
    meaning = project(encoded)
    topic = normalize(classifiers.topic_probabilities(meaning))
    phrasing = classifiers.centre(encoded, load_weights()["mean"])
    return np.hstack([meaning, math.sqrt(TOPIC_WEIGHT) * topic, math.sqrt(PHRASING_WEIGHT) * phrasing])


@lru_cache(maxsize=CACHED_QUERIES)
def _query_features(queries: tuple[str, ...]) -> Vectors:
    return _features(encode(queries))


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

    def __init__(self, documents: Sequence[frozenset[str]]) -> None:
        self._size = max(len(documents), MIN_COLLECTION)
        self._frequencies = Counter(word for words in documents for word in words)
        self._documents: dict[str, list[int]] = {}
        for number, words in enumerate(documents):
            for word in words:
                self._documents.setdefault(word, []).append(number)
        self._weights = {word: self._computed_weight(word) for word in self._documents}
        self._norms = np.array([self._norm(words) for words in documents])

    def similarity(self, text: str) -> Vectors:
        """Return the cosine to each of the texts."""
        query = _words(text)
        shared = np.zeros(len(self._norms))
        for word in query & self._documents.keys():
            shared[self._documents[word]] += self._weight(word) ** 2
        cosine: Vectors = shared / (self._norm(query) * self._norms)
        return cosine

    @cached_property
    def between_texts(self) -> Vectors:
        """The cosine of each text to each other."""
        weights = np.zeros((len(self._norms), len(self._documents)), dtype=np.float32)
        for column, word in enumerate(sorted(self._documents)):
            weights[self._documents[word], column] = self._weight(word)
        weights /= self._norms[:, None]
        cosines: Vectors = weights @ weights.T
        return cosines

    def _norm(self, words: frozenset[str]) -> float:
        return math.sqrt(sum(self._weight(word) ** 2 for word in sorted(words))) or 1.0

    def _weight(self, word: str) -> float:
        return self._weights.get(word) or self._computed_weight(word)

    def _computed_weight(self, word: str) -> float:
        weight = _inverse_frequency(self._frequencies[word], self._size)
        return weight * STOPWORD_WEIGHT if word in STOPWORDS else weight


class _TermIndex:
    """Texts as bags of words, for Okapi BM25."""

    def __init__(self, texts: Iterable[str]) -> None:
        documents = [Counter(_terms(text)) for text in texts]
        self._size = max(len(documents), MIN_COLLECTION)
        self._frequencies = Counter(term for document in documents for term in document)
        lengths = np.array([document.total() for document in documents], dtype=float)
        relative = lengths / max(1.0, lengths.mean()) if documents else lengths
        self._norms = TERM_SATURATION * (1 - LENGTH_NORMALIZATION + LENGTH_NORMALIZATION * relative)
        self._counts: dict[str, list[tuple[int, int]]] = {}
        for number, document in enumerate(documents):
            for term, count in document.items():
                self._counts.setdefault(term, []).append((number, count))

    def score(self, text: str) -> Vectors:
        """Return BM25 of each of the texts; less for a short query."""
        scores = np.zeros(len(self._norms))
        for term in sorted(self._counts.keys() & _terms(text)):
            weight = _inverse_frequency(self._frequencies[term], self._size) * (TERM_SATURATION + 1)
            for number, count in self._counts[term]:
                scores[number] += weight * count / (count + self._norms[number])
        return scores * length_of(text) ** 3

    def covered(self, text: str) -> Vectors:
        """Return for each of the texts the share of the weights of the words of `text` that it contains."""
        total, contained = 0.0, np.zeros(len(self._norms))
        for term in sorted(set(_terms(text))):
            weight = _inverse_frequency(self._frequencies[term], self._size)
            total += weight
            contained[[number for number, _ in self._counts.get(term, ())]] += weight
        return contained / total if total else np.zeros(len(self._norms))

    def missing_weight(self, text: str, number: int) -> float:
        """Return the weight of the words that the text with this number does not contain."""
        missing = {term for term in _terms(text) if all(other != number for other, _ in self._counts.get(term, ()))}
        return sum(_inverse_frequency(self._frequencies[term], self._size) for term in sorted(missing))


def length_of(text: str) -> float:
    """Return the share of MANY_TERMS that a text has, at most 1."""
    return min(1.0, len(set(_terms(text))) / MANY_TERMS)


def _inverse_frequency(frequency: int, size: int) -> float:
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


@lru_cache(maxsize=CACHED_TEXTS)
def _terms(text: str) -> tuple[str, ...]:
    return tuple(term for term in stems(text) if term not in STOPWORDS)


@lru_cache(maxsize=CACHED_TEXTS)
def _words(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def _passages(texts: tuple[str, ...], stored: bytes) -> Passages:
    encoded = stored_encodings.unpack(texts, stored)
    features = _features(encode(texts) if encoded is None else encoded)
    return Passages(features, tuple(frozenset(stems(text)) for text in texts))


_PASSAGES = PassageCache(_passages, max_bytes=CACHED_BYTES)
