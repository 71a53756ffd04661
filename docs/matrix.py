"""The table of engines: `make matrix` runs the tests with other servers and keeps their results in matrix.json.

`python -m docs.matrix REPORT …` reads the reports that pytest writes with `--junitxml`.
"""

import ast
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bench.history import new_run

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_name("matrix.json")


@dataclass
class Group:
    """The tests of one file with the same engines."""

    file: str
    engines: list[str]
    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """By reason."""
    figures: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Results:
    at: str
    python: str
    machine: str
    load: float
    """The load average when the tests had ended."""
    groups: list[Group]
    sizing: dict[str, Any]
    """The figures of `docs/sizing.md`; empty if its test did not run."""


def read_reports(*reports: Path) -> Results:
    """Count the tests of all reports; of a test that is in several, the last."""
    groups: dict[tuple[str, ...], Group] = {}
    sizing: dict[str, Any] = {}
    cases = [case for report in reports for case in ElementTree.parse(report).iter("testcase")]  # noqa: S314 - of pytest
    for case in {(case.get("classname"), case.get("name")): case for case in cases}.values():
        properties = [(one.get("name", ""), one.get("value", "")) for one in case.iter("property")]
        file = f"{case.get('classname', '').replace('.', '/')}.py"
        engines = [value for name, value in properties if name == "engine"]
        group = groups.setdefault((file, *engines), Group(file, engines))
        _count(group, case)
        group.figures += [value for name, value in properties if name == "figure"]
        sizing |= next((json.loads(value) for name, value in properties if name == "sizing"), {})
    run = new_run(rounds=1)
    return Results(run.at, run.versions["python"], run.machine, run.load, sorted(groups.values(), key=_order), sizing)


def _count(group: Group, case: ElementTree.Element) -> None:
    skipped = case.find("skipped")
    if skipped is not None:
        reason = skipped.get("message", "")
        group.skipped[reason] = group.skipped.get(reason, 0) + 1
    elif case.find("failure") is not None or case.find("error") is not None:
        group.failed += 1
    else:
        group.passed += 1
    group.seconds += float(case.get("time", 0))


def _order(group: Group) -> tuple[list[str], str]:
    return group.engines, group.file


def missing(results: Results, before: Results) -> list[str]:
    """The files of which fewer tests have run than before: their rows would be lost, or show a part."""
    had, have = _tests_by_file(before), _tests_by_file(results)
    return [file for file, number in had.items() if have.get(file, 0) < number and (ROOT / file).exists()]


def _tests_by_file(results: Results) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in results.groups:
        found[group.file] = found.get(group.file, 0) + group.passed + group.failed + sum(group.skipped.values())
    return found


def renew(*reports: Path, file: Path = FILE) -> None:
    """Replace the results. Raises SystemExit if the reports contain only a part of the tests."""
    results = read_reports(*reports)
    if files := missing(results, read(file)):
        raise SystemExit(
            f"docs/{file.name} is unchanged, because fewer tests have run than before of {', '.join(files)}: run `make "
            "matrix` without ARGS, or name the report of a whole run before this one; remove the rows of tests that "
            "no longer exist"
        )
    write(results, file)


def write(results: Results, file: Path = FILE) -> None:
    file.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n")


def read(file: Path = FILE) -> Results:
    found = json.loads(file.read_text())
    groups = [Group(**group) for group in found.pop("groups")]
    return Results(groups=groups, **found)


def origin() -> str:
    """Return where and when the results were measured."""
    results = read()
    where = f"Python {results.python} on {results.machine}, {results.at}"
    return f"{where}, with a load average of {results.load} at the end."


def table() -> str:
    """Return a row for each group of the last run."""
    lines = ["| engine | tests | result | figures |", "| --- | --- | --- | --- |"]
    for group in read().groups:
        named = ", ".join(group.engines) or "those of the package"
        tests = f"{title(group.file)} (`{group.file}`)"
        lines.append(f"| {named} | {tests} | {_result(group)} | {'<br>'.join(map(_escaped, group.figures))} |")
    return "\n".join(lines)


def title(file: str) -> str:
    """Return the first sentence of a test file's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / file).read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


def _result(group: Group) -> str:
    parts = [f"{group.passed} passed"] if group.passed else []
    parts += [f"{group.failed} FAILED"] if group.failed else []
    parts += [f"{number} skipped: {_escaped(reason)}" for reason, number in group.skipped.items()]
    return ", ".join(parts)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    renew(*map(Path, sys.argv[1:]))
