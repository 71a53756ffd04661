"""Fitting of the embedded provider to training/examples.

`python -m training.fitting` writes weights.npz and letters.npz.

First the projection to embeddings (`projection`), on which a softmax regression for the topic is fitted. The sentiment
regressions use the centred vectors: the projection removes how a text is phrased. Scope is fitted on the encoder's
vectors (`scope`), and so are the classifiers of letters (`letters`).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers, weights
from hummdesk.ai.embedded.embedding import normalize
from hummdesk.ai.embedded.encoder import Vectors, encode
from training.corpus import Example, load_companies, load_examples
from training.letters import WEIGHTS, fit_letters
from training.projection import fit_projection
from training.regression import TOPIC_PENALTY, fit_temperature, softmax_regression
from training.scope import fit_scope

SENTIMENT_PENALTY = 0.5
NEIGHBOUR_LEVELS = 127
_HALF_PRECISION = (
    "projection",
    "scope_directions",
    "letter_directions",
    "letter_weights",
    "letter_word_rarity",
    "letter_words",
)


def fit_classifiers(projection: Vectors | None = None) -> dict[str, Vectors]:
    """Fit the projection, unless it is given, and the classifiers of topic and sentiment."""
    categories, scope = (load_examples(name) for name in ("categories", "scope"))
    encoded = _encoded("categories")
    mean = encoded.mean(axis=0)
    if projection is None:
        companies = [[article - mean for article in articles] for articles in _encoded_companies()]
        projection = fit_projection(encoded - mean, companies)

    def embeddings(name: str) -> Vectors:
        return normalize((_encoded(name) - mean) @ projection)

    topic_embeddings = np.vstack([embeddings("categories"), embeddings("scope")])
    return {
        "mean": mean,
        "projection": projection,
        **_fit_topic(topic_embeddings, _labels([*categories, *scope], classifiers.TOPICS)),
        **_fit_sentiment(mean),
    }


def fit_letter_classifiers() -> dict[str, Vectors]:
    return fit_letters({name: _encoded(name) for name in WEIGHTS}, _encoded("categories").mean(axis=0))


def fit_scope_classifier() -> dict[str, Vectors]:
    encoded = _encoded("categories")
    companies = [np.vstack(articles) for articles in _encoded_companies()]
    out_of_scope = np.vstack([_encoded("scope"), _encoded("scope_extra")])
    return fit_scope(encoded, companies, out_of_scope, encoded.mean(axis=0))


def quantized(arrays: Mapping[str, Vectors]) -> dict[str, NDArray[np.generic]]:
    """Reduce the precision as far as the answers allow: vectors of examples to 8 bits, projections to 16."""
    stored: dict[str, NDArray[np.generic]] = dict(arrays)
    for name in _HALF_PRECISION:
        if name in arrays:
            stored[name] = arrays[name].astype(np.float16)
    if "neighbours" in arrays:
        stored["neighbours"] = np.round(arrays["neighbours"] / arrays["neighbour_scale"]).astype(np.int8)
        stored["neighbour_labels"] = arrays["neighbour_labels"].astype(np.uint8)
    if "letter_wholes" in arrays:
        for name in ("letter_wholes", "letter_sentences"):
            stored[name] = np.round(arrays[name] * weights.LETTER_LEVELS).astype(np.int8)
        stored["letter_cues"] = np.round(np.expm1(arrays["letter_cues"])).astype(np.uint8)
    if "scope_examples" in arrays:
        stored["scope_examples"] = np.round(arrays["scope_examples"] * classifiers.SCOPE_LEVELS).astype(np.int8)
    return stored


def write(arrays: Mapping[str, Vectors], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **quantized(arrays))


def _fit_topic(embeddings: Vectors, labels: NDArray[np.int64]) -> dict[str, Vectors]:
    scale = float(np.abs(embeddings).max()) / NEIGHBOUR_LEVELS
    return {
        "topic": softmax_regression(embeddings, labels, len(classifiers.TOPICS), penalty=TOPIC_PENALTY),
        "neighbours": embeddings,
        "neighbour_labels": labels.astype(np.float32),
        "neighbour_scale": np.array([scale], dtype=np.float32),
        "topic_temperature": np.array([fit_temperature(embeddings, labels)], dtype=np.float32),
    }


def _fit_sentiment(mean: Vectors) -> dict[str, Vectors]:
    examples = load_examples("sentiment")
    vectors = classifiers.centre(_encoded("sentiment"), mean)
    labels = _labels(examples, classifiers.SENTIMENTS)
    weights = softmax_regression(vectors, labels, len(classifiers.SENTIMENTS), penalty=SENTIMENT_PENALTY)
    return {"sentiment": weights}


@cache
def _encoded(name: str) -> Vectors:
    return encode([example.text for example in load_examples(name)])


@cache
def _encoded_companies() -> list[list[Vectors]]:
    """Return the vectors of all companies by article, encoded in one batch, which is faster than one per article."""
    companies = load_companies()
    encoded = iter(encode([text for articles in companies for texts in articles for text in texts]))
    return [[np.array([next(encoded) for _ in texts]) for texts in articles] for articles in companies]


def _labels(examples: Sequence[Example], names: Sequence[str]) -> NDArray[np.int64]:
    return np.array([names.index(example.label) for example in examples])


if __name__ == "__main__":
    write(fit_classifiers() | fit_scope_classifier(), weights.FILE)
    write(fit_letter_classifiers(), weights.LETTERS_FILE)
