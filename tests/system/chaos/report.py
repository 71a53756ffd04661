"""The table of faults: what was injected, what was measured, which bound it has, and whether it held."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FULL = os.environ.get("CHAOS") == "full"
"""`make chaos` runs each fault at the size of the catalogue; `make test` a small form of it."""


def size(short: int, full: int) -> int:
    return full if FULL else short


@dataclass(frozen=True)
class Measure:
    name: str
    figure: float
    unit: str
    at_most: float

    @property
    def held(self) -> bool:
        return self.figure <= self.at_most

    def __str__(self) -> str:
        return f"{self.name} {self.figure:,.4g}{self.unit} (≤ {self.at_most:,.4g})"


@dataclass
class Row:
    """One fault; it holds if every figure is within its bound and nothing went wrong on the way."""

    number: str
    fault: str
    measures: list[Measure] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    broke: bool = False
    acknowledged: int = 0
    """Messages of the load around it."""

    def measure(self, name: str, figure: float, at_most: float = 0, unit: str = "") -> None:
        self.measures.append(Measure(name, figure, unit, at_most))

    def tell(self, fact: str) -> None:
        """What has no bound and belongs to the figures, such as how much was sent."""
        self.facts.append(fact)

    @property
    def held(self) -> bool:
        return not self.broke and bool(self.measures) and all(measure.held for measure in self.measures)

    def __str__(self) -> str:
        told = ", ".join([*self.facts, *map(str, self.measures)])
        return f"{self.number:>3} | {self.fault} | {told} | {'held' if self.held else 'NOT HELD'}"


ROWS: list[Row] = []
"""Of the test that runs."""


@contextmanager
def row(number: str, fault: str) -> Iterator[Row]:
    """A row of the table; leaving it fails the test unless all its figures are within their bounds."""
    made = Row(number, fault)
    ROWS.append(made)
    try:
        yield made
    except BaseException:
        made.broke = True
        raise
    assert made.held, made
