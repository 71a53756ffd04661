"""Quality on categories that accounts name themselves, and of corrections (see `taxonomies/README.md`)."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hummdesk.ai.embedded.embedding import embed
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import Classification, Context, Correction, IncomingMessage
from hummdesk.ai.text import plain
from hummdesk.core.categories import OwnCategory
from training.evaluation.yardstick import CONFIDENT, Part, Share

FOLDER = Path(__file__).parent
UNKNOWN = "unknown"
"""Label of a letter that is of none of the categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    trade: str
    category: str
    text: str


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
class CorrectionQuality:
    paraphrases: Share
    """Messages with the meaning of a corrected one that get its category."""
    others: Share
    """Messages about another matter in the words of a corrected one that keep theirs."""


def _right(read: Sequence[tuple[Letter, Classification]]) -> Share:
    return Share.of(letter.category == classification.category for letter, classification in read)


def load_categories(part: Part) -> dict[str, tuple[tuple[OwnCategory, ...], list[Letter]]]:
    """Return the categories and the letters of each trade."""
    found = {}
    for path in sorted((FOLDER / "taxonomies" / part).glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        own = tuple(OwnCategory(**one | {"examples": tuple(one["examples"])}) for one in read["categories"])
        letters = [Letter(trade=path.stem, category=one["category"], text=one["text"]) for one in read["letters"]]
        found[path.stem] = own, letters
    return found


def classify(part: Part) -> OwnQuality:
    provider = EmbeddedProvider()

    async def every() -> list[tuple[Letter, Classification]]:
        return [
            (one, await provider.classify(IncomingMessage(content=one.text), Context(categories=own)))
            for own, letters in load_categories(part).values()
            for one in letters
        ]

    return OwnQuality(asyncio.run(every()))


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
