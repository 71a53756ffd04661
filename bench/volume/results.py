"""The result of the last run, and its table in the documentation."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("result.json")


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    value: float
    unit: str
    target: float | None = None
    """At most so much; None: measured without a target."""

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return f"≤ {self.target:g}{self.unit}: {'met' if self.value <= self.target else 'not met'}"


@dataclass(frozen=True, kw_only=True)
class Result:
    at: str
    commit: str
    machine: str
    load: float
    """The load average at the end: above the number of cores, other work has shared them."""
    postgres: str
    accounts: int
    conversations: int
    messages: int
    largest: int
    """Messages of the largest account."""
    runs: int
    gigabytes: float
    minutes: float
    """To generate the messages and to build the indexes."""
    figures: list[Figure]


def write(result: Result, file: Path = FILE) -> None:
    file.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=2) + "\n")


def read(file: Path = FILE) -> Result:
    stored = json.loads(file.read_text())
    return Result(**stored | {"figures": [Figure(**figure) for figure in stored["figures"]]})


def table(result: Result | None = None) -> str:
    """Return the size of the run and its figures as Markdown; those of the last run if none is given."""
    run = result or read()
    size = (
        f"{run.messages:,} messages in {run.conversations:,} conversations of {run.accounts:,} accounts, the largest "
        f"one with {run.largest:,}; {run.runs:,} AI runs; {run.gigabytes:.1f} GB. Generated in {run.minutes:.0f} "
        f"minutes; commit `{run.commit}`, {run.at}, PostgreSQL {run.postgres}, {run.machine}, load average "
        f"{run.load:g}."
    )
    rows = [f"| {one.name} | {_number(one.value)}{one.unit} | {one.verdict} |" for one in run.figures]
    return "\n".join([size, "", "| figure | measured | target |", "| --- | --- | --- |", *rows])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
