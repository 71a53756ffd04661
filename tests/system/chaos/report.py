"""The table of faults: fault, measurements with their bounds, and whether all bounds held."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FULL = os.environ.get("CHAOS") == "full"
"""`make chaos` runs each fault at full size, `make test` and `make test-systems` at a small one."""


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
    """One fault; it is held if every measurement is within its bound and the test raised no error."""

    number: str
    fault: str
    measures: list[Measure] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    failed: bool = False
    acknowledged: int = 0
    """Number of messages acknowledged during the fault."""

    def measure(self, name: str, figure: float, at_most: float = 0, unit: str = "") -> None:
        self.measures.append(Measure(name, figure, unit, at_most))

    def note(self, fact: str) -> None:
        """Add a fact without a bound, such as the number of messages sent."""
        self.facts.append(fact)

    @property
    def held(self) -> bool:
        return not self.failed and bool(self.measures) and all(measure.held for measure in self.measures)

    def figures(self) -> list[str]:
        """What the table of engines shows: facts, lost messages, and whatever has a bound above zero or is not held."""
        shown = [one for one in self.measures if one.at_most or not one.held or one.name == "acknowledged but lost"]
        return [f"{self.fault}: {', '.join([*self.facts, *map(str, shown)])}"]

    def __str__(self) -> str:
        results = ", ".join([*self.facts, *map(str, self.measures)])
        return f"{self.number:>3} | {self.fault} | {results} | {'held' if self.held else 'NOT HELD'}"


ROWS: list[Row] = []
"""Rows of the running test."""


@contextmanager
def row(number: str, fault: str) -> Iterator[Row]:
    """Add a row to the table; at exit, fail the test unless every measurement is within its bound."""
    made = Row(number, fault)
    ROWS.append(made)
    try:
        yield made
    except BaseException:
        made.failed = True
        raise
    assert made.held, made
