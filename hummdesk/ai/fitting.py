"""Fit the embedded provider to hummdesk/ai/examples: `python -m hummdesk.ai.fitting` writes fitted.npz in a minute.

The projection of embedding.py comes first: the covariance of one wish put in many ways shows in which directions
vectors differ though the meaning is the same; dividing by it makes these matter less (Hatch and others, Within-class
covariance normalization, 2006). What is left is turned to its main directions. On these vectors the heads are fitted,
logistic regressions with a penalty on large weights; the temperature of the topic is chosen on examples that the
head has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai import fitted, heads
from hummdesk.ai.embedding import DIMENSIONS, unit
from hummdesk.ai.encoder import WIDTH, Vectors, encode

EXAMPLES = Path(__file__).with_name("examples")

SMOOTHING = 3.0
"""Times the mean variance, added to the covariance of phrasing: how far from dividing by it in full."""

STEPS = 300
FOLDS = 5

Numbers = Vectors


@dataclass(frozen=True, slots=True)
class Example:
    label: str
    text: str
    language: str


def examples(name: str, folder: Path = EXAMPLES) -> list[Example]:
    """Those of the files `name.txt` and `name.LANGUAGE.txt`."""
    return [
        example
        for path in sorted([*folder.glob(f"{name}.txt"), *folder.glob(f"{name}.*.txt")])
        for example in _read(path)
    ]


def fit() -> dict[str, Numbers]:
    """All that fitted.npz holds, by name."""
    categories, sentiments = examples("categories"), examples("sentiment")
    read = encode([example.text for example in categories])
    mean = read.mean(axis=0)
    projection = _projection(read - mean)
    found = {"mean": mean, "projection": projection}

    def vectors(encoded: Vectors) -> Vectors:
        return unit((encoded - mean) @ projection)

    outside = examples("scope")
    known = np.vstack([vectors(read), vectors(encode([example.text for example in outside]))])
    labels = _numbers([*categories, *outside], heads.TOPICS)
    found["topic"] = softmax_regression(known, labels, len(heads.TOPICS), penalty=0.1)
    found["neighbours"] = known
    found["neighbour_labels"] = labels.astype(np.float32)
    found["topic_temperature"] = np.array([_temperature(known, labels)], dtype=np.float32)

    felt = heads.feeling(encode([example.text for example in sentiments]), mean)
    feelings = _numbers(sentiments, heads.SENTIMENTS)
    found["sentiment"] = softmax_regression(felt, feelings, len(heads.SENTIMENTS), penalty=0.5)
    english = [at for at, example in enumerate(sentiments) if example.language == "en"]
    valued = np.hstack([felt[english], heads.valences([sentiments[at].text for at in english])])
    found["sentiment_english"] = softmax_regression(valued, feelings[english], len(heads.SENTIMENTS), penalty=0.5)

    pressing = examples("urgency")
    found["urgency"] = softmax_regression(
        vectors(encode([example.text for example in pressing])),
        _numbers(pressing, heads.PRIORITIES),
        len(heads.PRIORITIES),
        penalty=0.1,
    )
    return found


def write(found: dict[str, Numbers], path: Path = fitted.FILE) -> None:
    """In as few bits as the answers need: a vector of the examples in 8, the projection in 16."""
    scale = float(np.abs(found["neighbours"]).max()) / 127
    stored: dict[str, NDArray[np.generic]] = {
        **found,
        "projection": found["projection"].astype(np.float16),
        "neighbours": np.round(found["neighbours"] / scale).astype(np.int8),
        "neighbour_labels": found["neighbour_labels"].astype(np.uint8),
        "neighbour_scale": np.array([scale], dtype=np.float32),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **stored)


def softmax_regression(x: Vectors, y: NDArray[np.int64], classes: int, *, penalty: float) -> Numbers:
    """Weights, the last row of them for the constant, by Nesterov's accelerated descent. `penalty` as 1/C elsewhere."""
    features = np.hstack([x, np.ones((len(x), 1))]).astype(np.float32)
    wanted = np.eye(classes, dtype=np.float32)[y]
    decay = np.full((features.shape[1], 1), penalty / len(x), dtype=np.float32)
    decay[-1] = 0.0
    rate = np.float32(1 / (0.5 * np.linalg.norm(features, ord=2) ** 2 / len(x) + penalty / len(x)))
    weights = previous = np.zeros((features.shape[1], classes), dtype=np.float32)
    for step in range(STEPS):
        ahead = weights + np.float32(step / (step + 3)) * (weights - previous)
        slope = features.T @ (heads.softmax(features @ ahead) - wanted) / len(x) + decay * ahead
        previous, weights = weights, ahead - rate * slope
    return weights


def _projection(centred: Vectors) -> Numbers:
    framed = _read(EXAMPLES / "phrasings.txt")
    frames = [one.text for one in framed if one.label == "frame"]
    wishes = [one.text for one in framed if one.label == "wish"]
    put = encode([frame.format(wish) for wish in wishes for frame in frames]).reshape(len(wishes), len(frames), WIDTH)
    differences = (put - put.mean(axis=1, keepdims=True)).reshape(-1, WIDTH).astype(np.float64)
    covariance = differences.T @ differences / len(differences)
    values, directions = np.linalg.eigh(covariance + SMOOTHING * np.trace(covariance) / WIDTH * np.eye(WIDTH))
    whitening: Vectors = directions @ np.diag(values**-0.5) @ directions.T
    whitened = centred @ whitening
    main = np.linalg.eigh(whitened.T @ whitened)[1][:, ::-1][:, :DIMENSIONS]
    # A direction has two signs; a fixed one keeps the file the same.
    main = main * np.sign(main[np.abs(main).argmax(axis=0), np.arange(DIMENSIONS)])
    projection = whitening @ main
    rounded: Numbers = (projection / np.abs(projection).max()).astype(np.float16).astype(np.float32)
    return rounded


def _temperature(known: Vectors, labels: NDArray[np.int64]) -> float:
    """The one that makes the probabilities of examples that were left out likeliest."""
    logits = np.zeros((len(known), len(heads.TOPICS)), dtype=np.float32)
    for fold in range(FOLDS):
        out = np.arange(len(known)) % FOLDS == fold
        weights = softmax_regression(known[~out], labels[~out], len(heads.TOPICS), penalty=0.1)
        logits[out] = heads.blend(known[out], weights, known[~out], labels[~out])
    temperatures = np.arange(0.5, 4.0, 0.05)
    losses = [
        -np.log(heads.softmax(logits / temperature)[np.arange(len(labels)), labels] + 1e-12).mean()
        for temperature in temperatures
    ]
    return float(temperatures[int(np.argmin(losses))])


def _numbers(found: Sequence[Example], labels: Sequence[str]) -> NDArray[np.int64]:
    return np.array([labels.index(example.label) for example in found])


def _read(path: Path) -> list[Example]:
    found, label = [], ""
    language = path.name.split(".")[1]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            label = line.strip("[]")
        elif line:
            found.append(Example(label, line, language))
    return found


if __name__ == "__main__":
    write(fit())
