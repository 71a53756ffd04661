"""Quality of the embedded provider as an agent sees it: on letters of twelve trades, and help centres of six companies.

They were written by hands that had not seen the models, before anything was fitted to them (see `yardstick/`).
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import (
    Article,
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    Turn,
)
from hummdesk.core.categories import BUILT_IN

YARDSTICK = Path(__file__).with_name("yardstick")

Part = Literal["development", "final"]
"""Models may be improved by looking at the development part; the final part is only measured on."""

PRESSING = ("high", "urgent")
CONFIDENT = 0.9
NORMAL_QUANTILE = 1.96
"""Of a two-sided interval of 95 %."""

SINGLE_SOURCE = ("direct", "verbatim", "paraphrase", "follow_up", "negated", "other_language")
FAR = ("far", "adversarial")


@dataclass(frozen=True, slots=True)
class Share:
    hits: int
    trials: int

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> "Share":
        listed = list(outcomes)
        return cls(sum(listed), len(listed))

    @property
    def value(self) -> float:
        return self.hits / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 %: it holds for few trials and shares near 0 and 1 as well."""
        if not self.trials:
            return (0.0, 1.0)
        weight = NORMAL_QUANTILE**2 / self.trials
        centre = (self.value + weight / 2) / (1 + weight)
        radius = math.sqrt(self.value * (1 - self.value) * weight + weight**2 / 4) / (1 + weight)
        return (max(0.0, centre - radius), min(1.0, centre + radius))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    trade: str
    language: str
    category: str
    priority: str
    sentiment: str
    text: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`facts`: for each fact of a right answer, its spellings; `sources` and `facts` are empty if nothing answers."""

    kind: str
    text: str
    history: tuple[Turn, ...] = ()
    sources: frozenset[str]
    facts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    name: str
    articles: tuple[Article, ...]
    questions: tuple[Question, ...]

    @property
    def with_samples(self) -> frozenset[str]:
        """Ids of the articles that have sample questions."""
        return frozenset(one.id for one in self.articles if one.questions)


def load_letters(part: Part) -> list[Letter]:
    return [
        Letter(
            trade=path.stem,
            language=row["language"],
            category=row["category"],
            priority=row["priority"],
            sentiment=row["sentiment"],
            text=row["text"],
            history=_turns(row),
        )
        for path in sorted((YARDSTICK / "letters" / part).glob("*.jsonl"))
        for row in _rows(path)
    ]


def load_companies(part: Part) -> list[Company]:
    return [_company(folder) for folder in sorted((YARDSTICK / "companies" / part).iterdir())]


def _company(folder: Path) -> Company:
    articles = tuple(
        Article(id=row["id"], title=row["title"], body=row["body"], questions=tuple(row["questions"]))
        for row in _rows(folder / "articles.jsonl")
    )
    questions = tuple(
        Question(
            kind=row["kind"],
            text=row["question"],
            history=_turns(row),
            sources=frozenset(row["sources"]),
            facts=tuple(tuple(spellings) for spellings in row["facts"]),
        )
        for row in _rows(folder / "questions.jsonl")
    )
    return Company(name=folder.name, articles=articles, questions=questions)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _turns(row: dict[str, Any]) -> tuple[Turn, ...]:
    return tuple(Turn(**turn) for turn in row.get("history", ()))


@dataclass(frozen=True, slots=True)
class LetterQuality:
    read: Sequence[tuple[Letter, Classification]]

    @property
    def category(self) -> Share:
        return _category(self.read)

    @property
    def category_of_defaults(self) -> Share:
        """Of the letters whose category is one that the product has."""
        return _category([pair for pair in self.read if pair[0].category in BUILT_IN])

    @property
    def worst_trade(self) -> tuple[str, Share]:
        trades = {letter.trade for letter, _ in self.read}
        shares = [(trade, _category([pair for pair in self.read if pair[0].trade == trade])) for trade in trades]
        return min(shares, key=lambda pair: (pair[1].value, pair[0]))

    @property
    def right_if_confident(self) -> Share:
        return _category([pair for pair in self.read if pair[1].confidence >= CONFIDENT])

    @property
    def negative_recall(self) -> Share:
        return Share.of(read.sentiment == "negative" for letter, read in self.read if letter.sentiment == "negative")

    @property
    def negative_precision(self) -> Share:
        return Share.of(letter.sentiment == "negative" for letter, read in self.read if read.sentiment == "negative")

    @property
    def pressing_recall(self) -> Share:
        return Share.of(read.priority in PRESSING for letter, read in self.read if letter.priority in PRESSING)

    @property
    def pressing_precision(self) -> Share:
        return Share.of(letter.priority in PRESSING for letter, read in self.read if read.priority in PRESSING)

    @property
    def language(self) -> Share:
        return Share.of(letter.language == read.language for letter, read in self.read)


def _category(read: Iterable[tuple[Letter, Classification]]) -> Share:
    return Share.of(letter.category == classification.category for letter, classification in read)


def classify(letters: Sequence[Letter]) -> LetterQuality:
    provider = EmbeddedProvider()

    async def all_of_them() -> list[Classification]:
        return [
            await provider.classify(IncomingMessage(content=one.text), Context(history=one.history)) for one in letters
        ]

    return LetterQuality(list(zip(letters, asyncio.run(all_of_them()), strict=True)))


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    draft: Draft
    has_samples: bool
    """Each source of a right answer has sample questions."""

    @property
    def is_drafted(self) -> bool:
        return self.draft.content is not None

    @property
    def has_right_source(self) -> bool:
        """The draft cites each needed source, and a needed one first."""
        cited = self.draft.sources
        return bool(cited) and cited[0] in self.question.sources and self.question.sources <= set(cited)

    @property
    def has_every_fact(self) -> bool:
        content = _comparable(self.draft.content or "")
        return all(any(_stands_in(content, one) for one in spellings) for spellings in self.question.facts)

    @property
    def words(self) -> int:
        return len((self.draft.content or "").split())


def _stands_in(content: str, spelling: str) -> bool:
    """Return whether the spelling stands alone: `£5` does not stand in `£50` or `£5.90`."""
    return re.search(rf"(?<!\w){re.escape(_comparable(spelling))}(?!\w|[.,]\d)", content) is not None


def _comparable(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True)
class DraftQuality:
    answers: Sequence[Answer]

    def of_kind(self, *kinds: str) -> "DraftQuality":
        return self.where(lambda one: one.question.kind in kinds)

    def where(self, holds: Callable[[Answer], bool]) -> "DraftQuality":
        return DraftQuality([one for one in self.answers if holds(one)])

    @property
    def right_source(self) -> Share:
        return Share.of(one.has_right_source for one in self.answers)

    @property
    def every_fact(self) -> Share:
        return Share.of(one.has_right_source and one.has_every_fact for one in self.answers)

    @property
    def drafted(self) -> Share:
        return Share.of(one.is_drafted for one in self.answers)

    @property
    def mean_words(self) -> float:
        words = [one.words for one in self.answers if one.is_drafted]
        return sum(words) / len(words) if words else math.nan


def draft(companies: Sequence[Company]) -> DraftQuality:
    provider = EmbeddedProvider()

    async def answers() -> list[Answer]:
        return [
            Answer(
                question,
                await provider.draft(
                    IncomingMessage(content=question.text),
                    Context(history=question.history),
                    Knowledge(articles=company.articles),
                ),
                has_samples=question.sources <= company.with_samples,
            )
            for company in companies
            for question in company.questions
        ]

    return DraftQuality(asyncio.run(answers()))
