"""The results of all runs by commit, one JSON object a line, and the table and the chart of the documentation."""

import json
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count, getloadavg
from pathlib import Path
from typing import Any

from bench.report import FIGURES, Figure, Result, short

FILE = Path(__file__).with_name("history.jsonl")
PACKAGES = ("sanic", "python-socketio", "psycopg", "redis", "uvloop")

LEFT, WIDTH, ROW, SCALE = 60, 720, 26, 4.0
"""Of the chart, in pixels; it ends at SCALE times the target."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the benchmark. `results` by the name of the figure."""

    at: str
    commit: str
    machine: str
    versions: dict[str, str]
    load: float
    """The load average before the start."""
    rounds: int
    results: dict[str, Result]


Newest = tuple[Run, Result]
"""The newest result of a figure, with its run."""


def new_run(*, rounds: int) -> Run:
    return Run(
        at=datetime.now(UTC).isoformat(timespec="minutes"),
        commit=_commit(),
        machine=f"{cpu_count()} × {_processor()}, {platform.system()} {platform.release()}",
        versions={"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        load=round(getloadavg()[0], 1),
        rounds=rounds,
        results={},
    )


def append(run: Run, file: Path = FILE) -> None:
    with file.open("a") as history:
        history.write(json.dumps(asdict(run), ensure_ascii=False) + "\n")


def read(file: Path = FILE) -> list[Run]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [_run(json.loads(line)) for line in lines]


def latest(runs: list[Run], machine: str | None = None) -> dict[str, Newest]:
    """Return the newest result of each figure, of one machine or of all, with its run."""
    return {
        name: (run, result) for run in runs if machine in (None, run.machine) for name, result in run.results.items()
    }


def table() -> str:
    rows = ["| | figure | measured | target | commit |", "| --- | --- | --- | --- | --- |"]
    for figure, run, result in _shown():
        sign = "≥" if figure.more_is_better else "≤"
        targets = ([f"{figure.limit:g}"] if figure.limit is not None else []) + [
            f"{target:g} × {peer}" for peer, target in figure.ratios.items()
        ]
        ratios = [f"{ratio:.2f} × {peer}" for peer, ratio in result.ratios.items()]
        measured = ", ".join([short(result.value), *ratios])
        wanted = ", ".join(f"{sign} {target}" for target in targets)
        rows.append(f"| {figure.name} | {figure.description} | {measured} | {wanted} | `{run.commit}` |")
    return "\n".join(rows)


def chart() -> str:
    """Draw the distance of each figure from its target as an SVG: a dot for each run, left of the line it is met."""
    runs, shown = read(), [figure for figure, _, _ in _shown()]
    height = ROW * (len(shown) + 1)
    target = LEFT + (WIDTH - LEFT) / SCALE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 20} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="#fff"/>',
        f'<line x1="{target:.0f}" x2="{target:.0f}" y1="18" y2="{height}" stroke="#888" stroke-dasharray="4"/>',
        f'<text x="{target:.0f}" y="13" text-anchor="middle">target</text>',
    ]
    for number, figure in enumerate(shown, start=1):
        y = ROW * number + ROW / 2
        parts.append(f'<text x="4" y="{y + 4:.0f}">{figure.name}</text>')
        results = [run.results[figure.name] for run in runs if figure.name in run.results]
        for age, result in zip(range(len(results) - 1, -1, -1), results, strict=True):
            distance = distance_from_target(figure, result)
            x = LEFT + min(distance, SCALE) * (WIDTH - LEFT) / SCALE
            color = "#2a7" if distance <= 1 else "#c40"
            opacity = 1 if age == 0 else 0.25
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="5" fill="{color}" opacity="{opacity}"/>')
    return "\n".join([*parts, "</svg>", ""])


def distance_from_target(figure: Figure, result: Result) -> float:
    """Return the largest of a result's shares of its targets: 1 meets all of them, 2 is twice too much for one."""
    pairs = [(result.ratios[peer], target) for peer, target in figure.ratios.items() if peer in result.ratios]
    pairs += [(result.value, figure.limit)] if figure.limit is not None else []
    return max((target / value if figure.more_is_better else value / target for value, target in pairs), default=0.0)


def _shown() -> Iterator[tuple[Figure, Run, Result]]:
    newest = latest(read())
    for figure in FIGURES:
        if figure.name in newest:
            yield figure, *newest[figure.name]


def _run(entry: dict[str, Any]) -> Run:
    return Run(**(entry | {"results": {name: Result(**result) for name, result in entry["results"].items()}}))


def _commit() -> str:
    git = ("git", "-C", str(FILE.parent))
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--", "..", ":!history.jsonl"], capture_output=True).stdout
    return f"{commit or 'unknown'}{'+' if changed else ''}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
