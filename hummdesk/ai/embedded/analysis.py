"""Analysis of one message: category, sentiment, urgency, priority, tags.

Classifiers judge category, priority and sentiment, each with its own probabilities. Phrases of the lexicon lower the
priority ("no rush") and give the tags; no word raises it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.embedded import classifiers, language, letters
from hummdesk.ai.embedded.embedding import project
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.lexicon import LEXICON, phrases, weighted_phrases
from hummdesk.ai.protocol import Priority, Sentiment
from hummdesk.ai.text import stems
from hummdesk.core.categories import GENERAL

PRIORITY_URGENCY = (1.0, 4.0, 7.0, 9.5)
"""Urgency that stands for each priority, in the order of `classifiers.PRIORITIES`."""
PRIORITY_THRESHOLDS: tuple[tuple[int, Priority], ...] = ((8, "urgent"), (6, "high"), (3, "medium"), (0, "low"))
"""Least urgency of each priority."""
PRESSING = 0.34
"""Least probability of `high` and `urgent` together, for one of them: the least with a precision of 0.7 on letters."""
URGENT = 0.5
"""Least probability of `urgent`."""
MAX_TAGS = 5
SUSPICIOUS = 0.5
"""Probability of the topic `out` from which a text may be out of scope for a help desk."""

_URGENCY_PHRASES = weighted_phrases({"urgency": LEXICON["urgency"]})
_TAG_PHRASES = phrases(LEXICON["tags"])


@dataclass(frozen=True, slots=True)
class MessageFeatures:
    """Output of the models for one message, shared by all functions of this module.

    Each array but `sentences` has one row.
    """

    text: str
    stems: list[str]
    language: str
    encoded: Vectors
    embedded: Vectors
    categories: Vectors
    priorities: Vectors
    sentiments: Vectors
    out_of_scope: Vectors
    """Probability of the topic `out`."""
    scope: Vectors
    """Probability of being in scope for a help desk; 1 unless the topic is `out` or the category `general`."""
    sentences: Vectors
    """One row per sentence, as `encoded`; none if there is only one sentence."""


def extract_features(texts: Sequence[str]) -> list[MessageFeatures]:
    """Run the models on plain texts; in a batch a text costs half as much as alone."""
    encoded, sentences = letters.encode_with_sentences(texts)
    embeddings = project(encoded)
    languages = [language.detect(text) for text in texts]
    scores = letters.letter_scores(texts, encoded, sentences)
    out_of_scope = classifiers.topic_probabilities(embeddings)[:, classifiers.TOPICS.index("out")]
    general_sentiments = classifiers.sentiment_probabilities(encoded)
    categories = letters.category_probabilities(scores)
    arrays = (
        encoded,
        embeddings,
        categories,
        letters.priority_probabilities(scores),
        letters.sentiment_probabilities(scores, general_sentiments, out_of_scope),
        out_of_scope,
        _scopes(encoded, categories, out_of_scope),
    )
    rows = zip(*(np.split(array, len(texts)) for array in arrays), sentences, strict=True)
    return [
        MessageFeatures(text, stems(text), code, *row) for text, code, row in zip(texts, languages, rows, strict=True)
    ]


def _scopes(encoded: Vectors, categories: Vectors, out_of_scope: Vectors) -> Vectors:
    """Compute the scope only where it may count: it takes as long as the rest of a category."""
    scopes = np.ones(len(encoded), dtype=np.float32)
    doubtful = (categories.argmax(axis=1) == letters.CATEGORIES.index(GENERAL)) | (out_of_scope >= SUSPICIOUS)
    if doubtful.any():
        scopes[doubtful] = classifiers.scope_probability(encoded[doubtful])
    return scopes


def sentiment(message: MessageFeatures) -> Sentiment:
    if not message.stems:
        return "neutral"
    return classifiers.SENTIMENTS[int(message.sentiments[0].argmax())]


def urgency(message: MessageFeatures) -> int:
    """Return 0 to 10."""
    if not message.stems:
        return 0
    level = clamp_urgency(round(float(np.dot(message.priorities[0], PRIORITY_URGENCY))), _probable_priority(message))
    level += round(_URGENCY_PHRASES.score(message.stems).get("urgency", 0.0))
    return min(10, max(0, level))


def priority(urgency: int) -> Priority:
    return next(name for threshold, name in PRIORITY_THRESHOLDS if urgency >= threshold)


def priority_confidence(message: MessageFeatures, priority: Priority) -> float:
    """Return the probability of a priority; for `high` and `urgent`, of one of the two."""
    found: dict[Priority, float] = dict(zip(classifiers.PRIORITIES, message.priorities[0].tolist(), strict=True))
    return found["high"] + found["urgent"] if priority in ("high", "urgent") else found[priority]


def clamp_urgency(urgency: int, priority: Priority) -> int:
    """Return the nearest urgency that belongs to the priority."""
    thresholds = {name: threshold for threshold, name in PRIORITY_THRESHOLDS}
    least = thresholds[priority]
    most = min((threshold - 1 for threshold in thresholds.values() if threshold > least), default=10)
    return min(max(urgency, least), most)


def tags(message: MessageFeatures) -> tuple[str, ...]:
    """Return at most MAX_TAGS, sorted by name."""
    return tuple(sorted(_TAG_PHRASES.score(message.stems)))[:MAX_TAGS]


def _probable_priority(message: MessageFeatures) -> Priority:
    low, medium, high, urgent = message.priorities[0].tolist()
    if high + urgent >= PRESSING:
        return "urgent" if urgent >= URGENT else "high"
    return "medium" if medium >= low else "low"
