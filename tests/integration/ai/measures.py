"""How good the embedded provider is: the figures of `make eval`, which the tests hold to a floor as well.

They come from our own held-back examples and, where it lies beside the clone, from open data (../shared/eval): texts
that are measured on, never fitted to and never printed.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from hummdesk.ai.embedded import analysis
from hummdesk.ai.embedded.analysis import Reading
from hummdesk.ai.embedded.classifiers import PRIORITIES, SENTIMENTS
from hummdesk.ai.embedded.provider import ENOUGH, look_up
from hummdesk.ai.protocol import Article, Knowledge
from hummdesk.ai.text import plain
from training.fitting import examples

HELD_BACK = Path(__file__).with_name("held_back")
OPEN = Path(__file__).parents[4] / "shared" / "eval"

COVERAGE = 0.9
BINS = 10
PAST_QUESTIONS = 5


@cache
def reading(text: str) -> Reading:
    return Reading.of(plain(text))


@dataclass(frozen=True, slots=True)
class Categories:
    right: np.ndarray
    confidence: np.ndarray
    languages: np.ndarray

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    def accuracy_in(self, language: str) -> float:
        return float(self.right[self.languages == language].mean())

    @property
    def precision_of_the_surest(self) -> float:
        """Among the COVERAGE that it is surest of."""
        surest = np.argsort(-self.confidence, kind="stable")[: round(len(self.right) * COVERAGE)]
        return float(self.right[surest].mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, in BINS of equal width."""
        bins = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        gaps = [
            abs(self.right[bins == one].mean() - self.confidence[bins == one].mean()) * (bins == one).mean()
            for one in set(bins.tolist())
        ]
        return float(sum(gaps))


def categories(labelled: Sequence[tuple[str, str, str]]) -> Categories:
    """Of (text, category, language)."""
    found = [analysis.category(reading(text)) for text, _, _ in labelled]
    return Categories(
        np.array([category == wanted for (category, _), (_, wanted, _) in zip(found, labelled, strict=True)]),
        np.array([confidence for _, confidence in found]),
        np.array([language for _, _, language in labelled]),
    )


def held_back_categories() -> Categories:
    return categories([(one.text, one.label, one.language) for one in examples("categories", HELD_BACK)])


def open_rows(name: str) -> list[list[str]]:
    lines = (OPEN / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def sentiment(labelled: Sequence[tuple[str, str]]) -> float:
    """Macro-F1 over the three."""
    pairs = [(analysis.sentiment(reading(text)), wanted) for text, wanted in labelled]
    return float(np.mean([_f1(pairs, label) for label in SENTIMENTS]))


def _f1(pairs: Sequence[tuple[str, str]], label: str) -> float:
    both = sum(found == wanted == label for found, wanted in pairs)
    return 2 * both / max(1, sum((found == label) + (wanted == label) for found, wanted in pairs))


def language(labelled: Sequence[tuple[str, str]]) -> float:
    return float(np.mean([analysis.language(plain(text)) == wanted for text, wanted in labelled]))


@dataclass(frozen=True, slots=True)
class Priorities:
    within_one: float
    urgent_recall: float
    exact: float


def priorities() -> Priorities:
    pairs = [
        (analysis.priority(analysis.urgency(reading(one.text))), one.label) for one in examples("urgency", HELD_BACK)
    ]
    steps = [abs(PRIORITIES.index(found) - PRIORITIES.index(wanted)) for found, wanted in pairs]  # type: ignore[arg-type]
    urgent = [found == "urgent" for found, wanted in pairs if wanted == "urgent"]
    return Priorities(
        float(np.mean([step <= 1 for step in steps])), float(np.mean(urgent)), steps.count(0) / len(steps)
    )


@dataclass(frozen=True, slots=True)
class Drafts:
    first: float
    among_three: float
    drafted: float
    """Of the questions that an article answers."""


def drafts(knowledge: Knowledge, asked: Sequence[tuple[str, str]]) -> Drafts:
    """Of (article's id, question)."""
    ranks, sure = [], []
    for wanted, text in asked:
        found = look_up(reading(text), knowledge)
        ranks.append([one.page.cited.id for one in found].index(wanted))
        sure.append(found[0].confidence >= ENOUGH)
    return Drafts(
        float(np.mean([rank == 0 for rank in ranks])),
        float(np.mean([rank < 3 for rank in ranks])),
        float(np.mean(sure)),
    )


def drafted(knowledge: Knowledge, texts: Sequence[str]) -> float:
    """The part of the texts that a draft would be made for."""
    return float(np.mean([look_up(reading(text), knowledge)[0].confidence >= ENOUGH for text in texts]))


def held_back_knowledge() -> tuple[Knowledge, list[tuple[str, str]]]:
    pages = [json.loads(line) for line in (HELD_BACK / "knowledge.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = [line.split("\t") for line in (HELD_BACK / "questions.tsv").read_text(encoding="utf-8").splitlines()]
    articles = tuple(Article(**page | {"questions": tuple(page["questions"])}) for page in pages)
    return Knowledge(articles=articles), [(wanted, text) for wanted, text in asked]


def open_knowledge() -> tuple[Knowledge, list[tuple[str, str]]]:
    """Each intent of the open data as an article that is nothing but five past questions; the rest are asked."""
    by_intent: dict[str, list[str]] = {}
    for text, _, intent in open_rows("category"):
        by_intent.setdefault(intent, []).append(text)
    articles, asked = [], []
    for intent, texts in by_intent.items():
        random.Random(intent).shuffle(texts)
        past = tuple(texts[:PAST_QUESTIONS])
        articles.append(Article(id=intent, title=intent.replace("_", " "), body="", questions=past))
        asked += [(intent, text) for text in texts[PAST_QUESTIONS:]]
    return Knowledge(articles=tuple(articles)), asked
