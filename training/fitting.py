"""Fitting of the embedded provider to training/examples: `python -m training.fitting` writes weights.npz.

First the projection to embeddings (`projection`), on which softmax regressions for topic and priority are fitted. The
sentiment regressions use the centred vectors: the projection removes how a text is phrased. Scope is fitted last
(`scope`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers, weights
from hummdesk.ai.embedded.embedding import normalize
from hummdesk.ai.embedded.encoder import Vectors, encode
from training.corpus import Example, load_companies, load_examples
from training.projection import fit_projection
from training.regression import TOPIC_PENALTY, fit_temperature, softmax_regression
from training.scope import fit_scope

SENTIMENT_PENALTY = 0.5
PRIORITY_PENALTY = 0.1


def fit() -> dict[str, Vectors]:
    """Return the arrays of weights.npz by name, not yet quantized."""
    categories, scope = load_examples("categories"), load_examples("scope")
    encoded = _encoded(categories)
    mean = encoded.mean(axis=0)
    companies = [[encode(texts) for texts in articles] for articles in load_companies()]
    projection = fit_projection(encoded - mean, [[one - mean for one in articles] for articles in companies])

    def embeddings(vectors: Vectors) -> Vectors:
        return normalize((vectors - mean) @ projection)

    out_of_scope = _encoded([*scope, *load_examples("scope_extra")])
    urgency = load_examples("urgency")
    return {
        "mean": mean,
        "projection": projection,
        **_topic(np.vstack([embeddings(encoded), embeddings(_encoded(scope))]), [*categories, *scope]),
        **fit_scope(encoded, [np.vstack(articles) for articles in companies], out_of_scope, mean),
        **_sentiment(load_examples("sentiment"), mean),
        "urgency": softmax_regression(
            embeddings(_encoded(urgency)),
            _labels(urgency, classifiers.PRIORITIES),
            len(classifiers.PRIORITIES),
            penalty=PRIORITY_PENALTY,
        ),
    }


def write(arrays: dict[str, Vectors], path: Path = weights.FILE) -> None:
    """Write the arrays, quantized as far as the answers allow: example vectors to 8 bits, projections to 16."""
    scale = float(np.abs(arrays["neighbours"]).max()) / 127
    stored: dict[str, NDArray[np.generic]] = {
        **arrays,
        "projection": arrays["projection"].astype(np.float16),
        "neighbours": np.round(arrays["neighbours"] / scale).astype(np.int8),
        "neighbour_labels": arrays["neighbour_labels"].astype(np.uint8),
        "neighbour_scale": np.array([scale], dtype=np.float32),
        "scope_directions": arrays["scope_directions"].astype(np.float16),
        "scope_examples": np.round(arrays["scope_examples"] * classifiers.SCOPE_LEVELS).astype(np.int8),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **stored)


def _topic(vectors: Vectors, examples: Sequence[Example]) -> dict[str, Vectors]:
    labels = _labels(examples, classifiers.TOPICS)
    return {
        "topic": softmax_regression(vectors, labels, len(classifiers.TOPICS), penalty=TOPIC_PENALTY),
        "neighbours": vectors,
        "neighbour_labels": labels.astype(np.float32),
        "topic_temperature": np.array([fit_temperature(vectors, labels)], dtype=np.float32),
    }


def _sentiment(examples: Sequence[Example], mean: Vectors) -> dict[str, Vectors]:
    vectors = classifiers.centre(_encoded(examples), mean)
    labels = _labels(examples, classifiers.SENTIMENTS)
    english = [number for number, example in enumerate(examples) if example.language == "en"]
    scores = classifiers.vader_scores([examples[number].text for number in english])
    both = np.hstack([vectors[english], scores])
    classes = len(classifiers.SENTIMENTS)
    return {
        "sentiment": softmax_regression(vectors, labels, classes, penalty=SENTIMENT_PENALTY),
        "sentiment_english": softmax_regression(both, labels[english], classes, penalty=SENTIMENT_PENALTY),
    }


def _encoded(examples: Sequence[Example]) -> Vectors:
    return encode([example.text for example in examples])


def _labels(examples: Sequence[Example], names: Sequence[str]) -> NDArray[np.int64]:
    return np.array([names.index(example.label) for example in examples])


if __name__ == "__main__":
    write(fit())
