"""Fit the embedded provider to training/examples: `python -m training.fitting` writes fitted.npz in a minute.

The projection of embedding.py comes first: the covariance of one wish put in many ways shows in which directions
vectors differ though the meaning is the same; dividing by it makes these matter less (Hatch and others, Within-class
covariance normalization, 2006). What is left is turned to its main directions, and these a little further: what asks
for one article is drawn together, away from what asks for the others of the same company (InfoNCE; van den Oord and
others, 2018), in few steps, since more of them help no company that is not among the examples.

On these vectors the heads are fitted, logistic regressions with a penalty on large weights; the temperature of the
topic is chosen on examples that the head has not seen. Whether a help desk is asked at all is told by a kernel ridge
regression: what is asked elsewhere lies in no one direction. How sure it is of that is learned on companies and topics
that it has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers, weights
from hummdesk.ai.embedded.embedding import DIMENSIONS, unit
from hummdesk.ai.embedded.encoder import WIDTH, Vectors, encode

EXAMPLES = Path(__file__).with_name("examples")

SMOOTHING = 3.0
"""Times the mean variance, added to the covariance of phrasing: how far from dividing by it in full."""

DRAWN, PACE, CONTRAST = 20, 0.001, 10.0
"""Steps that draw articles together, their length, and how much nearer counts more."""

SCOPE_DIRECTIONS = 128
SCOPE_RIDGE = 1.0
OUTSIDE = 3.0
"""What an example of what no help desk is asked counts beside one of what it is: there are fewer."""
TOPIC_SIZE = 40
"""Examples of what no help desk is asked that are left out together: those of a topic stand beside each other."""
EXPECTED_OUTSIDE = 2.0
"""Messages that are a matter for no help desk, beside one that is: what is taken for granted of a message unread."""

STEPS = 300
NEWTON_STEPS = 20
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


def companies(folder: Path = EXAMPLES) -> list[list[list[str]]]:
    """Of each company in questions.txt, of each of its articles: title, title with body, what is asked."""
    found: list[list[list[str]]] = []
    for line in (folder / "questions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            found.append([])
        elif line.startswith("["):
            title, body = line[1:].split("] ", maxsplit=1)
            found[-1].append([title, f"{title}. {body}"])
        else:
            found[-1][-1].append(line[2:])
    return found


def fit() -> dict[str, Numbers]:
    """All that fitted.npz holds, by name."""
    categories, sentiments = examples("categories"), examples("sentiment")
    read = encode([example.text for example in categories])
    mean = read.mean(axis=0)
    asked = [[encode(texts) for texts in articles] for articles in companies()]
    projection = _drawn_together(_projection(read - mean), [[one - mean for one in articles] for articles in asked])
    found = {"mean": mean, "projection": projection}

    def vectors(encoded: Vectors) -> Vectors:
        return unit((encoded - mean) @ projection)

    outside = examples("scope")
    known = np.vstack([vectors(read), vectors(encode([example.text for example in outside]))])
    labels = _numbers([*categories, *outside], classifiers.TOPICS)
    found["topic"] = softmax_regression(known, labels, len(classifiers.TOPICS), penalty=0.1)
    found["neighbours"] = known
    found["neighbour_labels"] = labels.astype(np.float32)
    found["topic_temperature"] = np.array([_temperature(known, labels)], dtype=np.float32)

    elsewhere = encode([example.text for example in [*outside, *examples("outside")]])
    found |= _scope([read, *map(np.vstack, asked)], elsewhere, mean)

    felt = classifiers.feeling(encode([example.text for example in sentiments]), mean)
    feelings = _numbers(sentiments, classifiers.SENTIMENTS)
    found["sentiment"] = softmax_regression(felt, feelings, len(classifiers.SENTIMENTS), penalty=0.5)
    english = [at for at, example in enumerate(sentiments) if example.language == "en"]
    valued = np.hstack([felt[english], classifiers.valences([sentiments[at].text for at in english])])
    found["sentiment_english"] = softmax_regression(valued, feelings[english], len(classifiers.SENTIMENTS), penalty=0.5)

    pressing = examples("urgency")
    found["urgency"] = softmax_regression(
        vectors(encode([example.text for example in pressing])),
        _numbers(pressing, classifiers.PRIORITIES),
        len(classifiers.PRIORITIES),
        penalty=0.1,
    )
    return found


def write(found: dict[str, Numbers], path: Path = weights.FILE) -> None:
    """In as few bits as the answers need: vectors of examples in 8, what turns them in 16."""
    scale = float(np.abs(found["neighbours"]).max()) / 127
    stored: dict[str, NDArray[np.generic]] = {
        **found,
        "projection": found["projection"].astype(np.float16),
        "neighbours": np.round(found["neighbours"] / scale).astype(np.int8),
        "neighbour_labels": found["neighbour_labels"].astype(np.uint8),
        "neighbour_scale": np.array([scale], dtype=np.float32),
        "scope_directions": found["scope_directions"].astype(np.float16),
        "scope_examples": np.round(found["scope_examples"] * classifiers.SCOPE_LEVELS).astype(np.int8),
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
        slope = features.T @ (classifiers.softmax(features @ ahead) - wanted) / len(x) + decay * ahead
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
    projection: Numbers = whitening @ _main_directions(whitened, DIMENSIONS)
    return projection


def _main_directions(vectors: Vectors, number: int) -> Numbers:
    main = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)[1][:, ::-1][:, :number]
    # A direction has two signs; a fixed one keeps the file the same.
    signed: Numbers = main * np.sign(main[np.abs(main).argmax(axis=0), np.arange(number)])
    return signed


def _drawn_together(projection: Numbers, companies: Sequence[Sequence[Vectors]]) -> Numbers:
    """Of each company, of each article the texts, less the mean. By Adam (Kingma and Ba, 2015)."""
    texts = sum(len(article) for articles in companies for article in articles)
    projection = projection / np.linalg.norm(projection, axis=0).mean()
    slope = steepness = np.zeros_like(projection)
    for step in range(1, DRAWN + 1):
        gradient = np.sum([_apart(projection, articles) for articles in companies], axis=0) / texts
        slope, steepness = 0.9 * slope + 0.1 * gradient, 0.99 * steepness + 0.01 * gradient**2
        projection = projection - PACE * (slope / (1 - 0.9**step)) / (np.sqrt(steepness / (1 - 0.99**step)) + 1e-8)
    rounded: Numbers = (projection / np.abs(projection).max()).astype(np.float16).astype(np.float32)
    return rounded


def _apart(projection: Numbers, articles: Sequence[Vectors]) -> Numbers:
    """The gradient of what keeps the texts of an article apart, and near to those of others."""
    texts = np.vstack(articles)
    whose = np.repeat(np.arange(len(articles)), [len(one) for one in articles])
    projected = texts @ projection
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    seen = projected / lengths
    near = np.exp(CONTRAST * (seen @ seen.T - 1)) * (1 - np.eye(len(texts)))
    own = near * (whose[:, None] == whose)
    pull = CONTRAST * (near / near.sum(axis=1, keepdims=True) - own / own.sum(axis=1, keepdims=True))
    moved = (pull + pull.T) @ seen
    gradient: Numbers = texts.T @ ((moved - seen * (moved * seen).sum(axis=1, keepdims=True)) / lengths)
    return gradient


def _scope(inside: Sequence[Vectors], outside: Vectors, mean: Vectors) -> dict[str, Numbers]:
    """`inside` has what help desks in general are asked, and then the texts of each company."""
    topics = np.split(outside, range(TOPIC_SIZE, len(outside), TOPIC_SIZE))
    both = np.vstack([*inside, *topics])
    is_inside = np.arange(len(both)) < len(both) - len(outside)
    directions = _main_directions(classifiers.feeling(both, mean), SCOPE_DIRECTIONS)
    known = classifiers.scope_seen(both, mean, directions)
    wanted = np.where(is_inside, 1.0, -1.0)
    ridge = SCOPE_RIDGE / np.where(is_inside, 1.0, OUTSIDE)
    inverse = np.linalg.inv(classifiers.scope_kernel(known, known) + np.diag(ridge))
    left_out = scores_left_out(inverse, wanted, [len(one) for one in [*inside, *topics]])
    scored = slice(len(inside[0]), None)  # a desk may lack a company or topic, never all that is general
    return {
        "scope_directions": directions,
        "scope_examples": known,
        "scope_weights": (inverse @ wanted).astype(np.float32),
        "scope_odds": _odds(left_out[scored], is_inside[scored]),
    }


def scores_left_out(inverse: Numbers, wanted: Numbers, sizes: Sequence[int]) -> Numbers:
    """What kernel ridge regression makes of each group, one after the other, by a fit to the others.

    `inverse` is that of the kernel with the ridge, of which each group's part tells (inversion by blocks).
    """
    weights = inverse @ wanted
    groups = np.split(np.arange(len(wanted)), np.cumsum(sizes)[:-1])
    found: Numbers = wanted - np.concatenate(
        [np.linalg.solve(inverse[np.ix_(one, one)], weights[one]) for one in groups]
    )
    return found


def _odds(scores: Vectors, is_inside: NDArray[np.bool_]) -> Numbers:
    """Of the logistic regression that makes probabilities of scores, the slope and the constant."""
    counts = np.where(is_inside, 1.0, EXPECTED_OUTSIDE * is_inside.sum() / (~is_inside).sum())
    terms = np.column_stack([scores, np.ones(len(scores))])
    odds = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        likely = 1 / (1 + np.exp(-terms @ odds))
        steepness = terms.T @ (terms * (counts * likely * (1 - likely))[:, None])
        odds -= np.linalg.solve(steepness, terms.T @ (counts * (likely - is_inside)))
    return odds.astype(np.float32)


def _temperature(known: Vectors, labels: NDArray[np.int64]) -> float:
    """The one that makes the probabilities of examples that were left out likeliest."""
    logits = np.zeros((len(known), len(classifiers.TOPICS)), dtype=np.float32)
    for fold in range(FOLDS):
        out = np.arange(len(known)) % FOLDS == fold
        weights = softmax_regression(known[~out], labels[~out], len(classifiers.TOPICS), penalty=0.1)
        logits[out] = classifiers.blend(known[out], weights, known[~out], labels[~out])
    temperatures = np.arange(0.5, 4.0, 0.05)
    losses = [
        -np.log(classifiers.softmax(logits / temperature)[np.arange(len(labels)), labels] + 1e-12).mean()
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
