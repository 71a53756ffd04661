"""Quality of the embedded provider: accuracy, calibration, retrieval. The tests require minimum values of it.

Measured on our own held-back examples and, if it is next to the clone (../shared/eval), on open data. These texts are
never fitted to and never printed.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import analysis, language
from hummdesk.ai.embedded.analysis import MessageFeatures, extract_features
from hummdesk.ai.embedded.classification import classify
from hummdesk.ai.embedded.classifiers import PRIORITIES, SENTIMENTS
from hummdesk.ai.embedded.contradictions import contradict
from hummdesk.ai.embedded.source_ranking import THRESHOLD, rank_sources
from hummdesk.ai.protocol import Article, Context, Knowledge
from hummdesk.ai.text import plain
from training.corpus import load_examples
from training.evaluation.yardstick import Company, Part, Share

HELD_BACK = Path(__file__).with_name("held_back")
SHORT_MESSAGES = Path(__file__).with_name("short_messages")
CONTRADICTIONS = Path(__file__).with_name("contradictions")
OPEN_DATA = Path(__file__).parents[3] / "shared" / "eval"

COVERAGE = 0.9
BINS = 10
PAST_QUESTIONS = 5

KnowledgeWithQuestions = tuple[Knowledge, list[tuple[str, str]]]
"""Articles, and pairs of an article's id and a question that it answers."""


@cache
def features_of(text: str) -> MessageFeatures:
    return extract_features([plain(text)])[0]


@dataclass(frozen=True, slots=True)
class CategoryQuality:
    correct: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    languages: NDArray[np.str_]

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())

    def accuracy_in(self, language: str) -> float:
        return float(self.correct[self.languages == language].mean())

    @property
    def precision_at_coverage(self) -> float:
        """Precision among the messages with the highest confidence, a share of COVERAGE."""
        confident = np.argsort(-self.confidence, kind="stable")[: round(len(self.correct) * COVERAGE)]
        return float(self.correct[confident].mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, in BINS of equal width."""
        bins = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        gaps = [
            abs(self.correct[bins == one].mean() - self.confidence[bins == one].mean()) * (bins == one).mean()
            for one in set(bins.tolist())
        ]
        return float(sum(gaps))


def categories(labelled: Sequence[tuple[str, str, str]]) -> CategoryQuality:
    """Measure on (text, category, language)."""
    predicted = [classify(features_of(text), Context()) for text, _, _ in labelled]
    return CategoryQuality(
        np.array([found.category == label for found, (_, label, _) in zip(predicted, labelled, strict=True)]),
        np.array([found.confidence for found in predicted]),
        np.array([language for _, _, language in labelled]),
    )


def held_back_categories() -> CategoryQuality:
    return categories([(one.text, one.label, one.language) for one in load_examples("categories", HELD_BACK)])


def sentiment(labelled: Sequence[tuple[str, str]]) -> float:
    """Return macro-F1 on (text, sentiment)."""
    pairs = [(analysis.sentiment(features_of(text)), label) for text, label in labelled]
    return float(np.mean([_f1(pairs, label) for label in SENTIMENTS]))


def held_back_sentiment() -> float:
    return sentiment([(one.text, one.label) for one in load_examples("sentiment", HELD_BACK)])


def _f1(pairs: Sequence[tuple[str, str]], label: str) -> float:
    both = sum(predicted == wanted == label for predicted, wanted in pairs)
    return 2 * both / max(1, sum((predicted == label) + (wanted == label) for predicted, wanted in pairs))


def short_messages(part: Part) -> list[tuple[str, str]]:
    """Return the short messages of a part, each with its language."""
    lines = (SHORT_MESSAGES / f"{part}.tsv").read_text(encoding="utf-8").splitlines()
    return [(text, spoken) for spoken, text in (line.split("\t") for line in lines)]


def languages(labelled: Sequence[tuple[str, str]]) -> float:
    """Return accuracy on (text, language)."""
    return float(np.mean([language.detect(plain(text)) == label for text, label in labelled]))


@dataclass(frozen=True, slots=True)
class PriorityQuality:
    within_one: float
    urgent_recall: float
    exact: float


def held_back_priorities() -> PriorityQuality:
    levels: tuple[str, ...] = PRIORITIES
    pairs = [
        (analysis.priority(analysis.urgency(features_of(one.text))), one.label)
        for one in load_examples("urgency", HELD_BACK)
    ]
    errors = [abs(levels.index(predicted) - levels.index(label)) for predicted, label in pairs]
    urgent = [predicted == "urgent" for predicted, label in pairs if label == "urgent"]
    return PriorityQuality(
        float(np.mean([error <= 1 for error in errors])), float(np.mean(urgent)), errors.count(0) / len(errors)
    )


@dataclass(frozen=True, slots=True)
class DraftQuality:
    first: float
    among_three: float
    drafted: float
    """Share of the answerable questions for which a draft is made."""


def drafts(knowledge: Knowledge, questions: Sequence[tuple[str, str]]) -> DraftQuality:
    """Measure on (id of the article that answers, question)."""
    ranks, are_drafted = [], []
    for article_id, text in questions:
        ranked = rank_sources(features_of(text), knowledge)
        ranks.append([one.source.citation.id for one in ranked].index(article_id))
        are_drafted.append(ranked[0].probability >= THRESHOLD)
    return DraftQuality(
        float(np.mean([rank == 0 for rank in ranks])),
        float(np.mean([rank < 3 for rank in ranks])),
        float(np.mean(are_drafted)),
    )


def share_drafted(knowledge: Knowledge, texts: Sequence[str]) -> float:
    """Return the share of the texts for which a draft is made."""
    return float(np.mean([rank_sources(features_of(text), knowledge)[0].probability >= THRESHOLD for text in texts]))


def contradictions(name: Literal["contradicting", "different"]) -> Share:
    """Return the share of the pairs of articles in a file that are taken to contradict each other."""
    lines = (CONTRADICTIONS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return Share.of(_contradict(*json.loads(line)["articles"]) for line in lines)


def false_contradictions(companies: Sequence[Company]) -> Share:
    """Return the share of the pairs of a company's articles, which are consistent, that are taken to contradict."""
    return Share.of(
        _contradict(*({"title": one.title, "body": one.body} for one in pair))
        for company in companies
        for pair in combinations(company.articles, 2)
    )


def _contradict(first: Mapping[str, str], second: Mapping[str, str]) -> bool:
    return contradict(first["body"], second["body"], titles=(first["title"], second["title"]))


def held_back_knowledge() -> KnowledgeWithQuestions:
    pages = [json.loads(line) for line in (HELD_BACK / "knowledge.jsonl").read_text(encoding="utf-8").splitlines()]
    articles = tuple(Article(**page | {"questions": tuple(page["questions"])}) for page in pages)
    questions = []
    for line in (HELD_BACK / "questions.tsv").read_text(encoding="utf-8").splitlines():
        article_id, question = line.split("\t")
        questions.append((article_id, question))
    return Knowledge(articles=articles), questions


def open_rows(name: str) -> list[list[str]]:
    lines = (OPEN_DATA / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def open_knowledge() -> KnowledgeWithQuestions:
    """Turn each intent of the open data into an article of five past questions; the other texts are the questions."""
    by_intent: dict[str, list[str]] = {}
    for text, _, intent in open_rows("category"):
        by_intent.setdefault(intent, []).append(text)
    articles, questions = [], []
    for intent, texts in by_intent.items():
        random.Random(intent).shuffle(texts)
        past = tuple(texts[:PAST_QUESTIONS])
        articles.append(Article(id=intent, title=intent.replace("_", " "), body="", questions=past))
        questions += [(intent, text) for text in texts[PAST_QUESTIONS:]]
    return Knowledge(articles=tuple(articles)), questions
