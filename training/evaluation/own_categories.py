"""Quality on categories and tags that accounts name themselves, and of corrections (see `taxonomies/README.md`)."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

from hummdesk.ai.embedded.embedding import embed
from hummdesk.ai.embedded.own_categories import team_like
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import Classification, Context, Correction, IncomingMessage, Team
from hummdesk.ai.text import plain
from hummdesk.core.categories import OwnCategory, OwnTag
from training.evaluation.yardstick import CONFIDENT, Part, Share

FOLDER = Path(__file__).parent
UNKNOWN = "unknown"
"""Label of a letter that is of none of the categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    trade: str
    category: str
    tags: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """What a trade names itself."""

    categories: tuple[OwnCategory, ...]
    tags: tuple[OwnTag, ...]
    letters: list[Letter]


@dataclass(frozen=True, slots=True)
class OwnQuality:
    read: Sequence[tuple[Letter, Classification]]

    @property
    def accuracy(self) -> Share:
        return _right(self._known)

    @property
    def worst_trade(self) -> tuple[str, Share]:
        trades = {letter.trade for letter, _ in self.read}
        shares = [(trade, _right([pair for pair in self._known if pair[0].trade == trade])) for trade in trades]
        return min(shares, key=lambda pair: (pair[1].value, pair[0]))

    @property
    def right_if_confident(self) -> Share:
        return _right([pair for pair in self.read if pair[1].confidence >= CONFIDENT])

    @property
    def unknown_recall(self) -> Share:
        return Share.of(read.is_unknown for letter, read in self.read if letter.category == UNKNOWN)

    @property
    def unknown_though_known(self) -> Share:
        return Share.of(read.is_unknown for _, read in self._known)

    @property
    def _known(self) -> list[tuple[Letter, Classification]]:
        return [pair for pair in self.read if pair[0].category != UNKNOWN]


@dataclass(frozen=True, slots=True)
class TagQuality:
    read: Sequence[tuple[Letter, Classification]]

    @property
    def precision(self) -> Share:
        return Share.of(tag in letter.tags for letter, found in self.read for tag in found.tags)

    @property
    def recall(self) -> Share:
        return Share.of(tag in found.tags for letter, found in self.read for tag in letter.tags)


@dataclass(frozen=True, slots=True)
class CorrectionQuality:
    paraphrases: Share
    """Messages with the meaning of a corrected one that get its category."""
    others: Share
    """Messages about another matter in the words of a corrected one that keep theirs."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    right: Share
    """Of the suggested teams, those of the letter's category."""
    suggested: Share
    """Of the letters for a described team, those with any suggestion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamQuality:
    all_described: Suggestions
    half_described: Suggestions


def _right(read: Sequence[tuple[Letter, Classification]]) -> Share:
    return Share.of(letter.category == classification.category for letter, classification in read)


def load_taxonomies(part: Part) -> dict[str, Taxonomy]:
    """Return what each trade names itself, with its letters."""
    found = {}
    for path in sorted((FOLDER / "taxonomies" / part).glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = Taxonomy(
            categories=tuple(OwnCategory(**one | {"examples": tuple(one["examples"])}) for one in read["categories"]),
            tags=tuple(OwnTag(**one | {"examples": tuple(one["examples"])}) for one in read["tags"]),
            letters=[
                Letter(trade=path.stem, category=one["category"], tags=frozenset(one["tags"]), text=one["text"])
                for one in read["letters"]
            ],
        )
    return found


def classify(part: Part) -> OwnQuality:
    return OwnQuality(_read(part, lambda own: Context(categories=own.categories)))


def tag(part: Part) -> TagQuality:
    return TagQuality(_read(part, lambda own: Context(tags=own.tags)))


def _read(part: Part, context: Callable[[Taxonomy], Context]) -> list[tuple[Letter, Classification]]:
    provider = EmbeddedProvider()

    async def every() -> list[tuple[Letter, Classification]]:
        return [
            (one, await provider.classify(IncomingMessage(content=one.text), context(own)))
            for own in load_taxonomies(part).values()
            for one in own.letters
        ]

    return asyncio.run(every())


def suggest_teams(part: Part) -> TeamQuality:
    """Take the categories of each trade for teams: once all have descriptions and examples, once every second one."""
    return TeamQuality(all_described=_suggestions(part, step=1), half_described=_suggestions(part, step=2))


def _suggestions(part: Part, *, step: int) -> Suggestions:
    outcomes = []
    for taxonomy in load_taxonomies(part).values():
        own = taxonomy.categories
        teams = [
            Team(id=UUID(int=number), name=one.name, description=one.description, examples=one.examples)
            if number % step == 0
            else Team(id=UUID(int=number), name=one.name)
            for number, one in enumerate(own)
        ]
        described = {category.key for category, team in zip(own, teams, strict=True) if team.examples}
        for letter in taxonomy.letters:
            found = team_like(embed([plain(letter.text)]), teams)
            is_right = found is not None and own[found.id.int].key == letter.category
            outcomes.append((found is not None, is_right, letter.category in described))
    return Suggestions(
        right=Share.of(is_right for is_found, is_right, _ in outcomes if is_found),
        suggested=Share.of(is_found for is_found, _, is_described in outcomes if is_described),
    )


def correct(part: Part) -> CorrectionQuality:
    """Classify with all corrections of the part, as an account that has corrected these messages."""
    lines = (FOLDER / "corrections" / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    corrected = [json.loads(line) for line in lines]
    vectors = embed([plain(one["text"]) for one in corrected])
    provider = EmbeddedProvider()

    async def read(text: str) -> str:
        similarities = vectors @ embed([plain(text)])[0]
        corrections = tuple(
            Correction(
                content=corrected[number]["text"],
                similarity=float(similarities[number]),
                category=corrected[number]["category"],
            )
            for number in np.argsort(-similarities)
        )
        return (await provider.classify(IncomingMessage(content=text), Context(corrections=corrections))).category

    async def alone(text: str) -> str:
        return (await provider.classify(IncomingMessage(content=text), Context())).category

    async def every() -> CorrectionQuality:
        paraphrases = [await read(text) == one["category"] for one in corrected for text in one["paraphrases"]]
        others = [await read(text) == await alone(text) for one in corrected for text in one["others"]]
        return CorrectionQuality(Share.of(paraphrases), Share.of(others))

    return asyncio.run(every())
