"""Results by commit."""

from pathlib import Path

from bench import history
from bench.history import distance_from_target
from bench.report import Figure, Result, regressions, report_line
from docs.generate import MODULES, ROOT

RATIO = Figure(name="P1", description="µs", ratios={"node": 0.5, "limit": 1})
RATE = Figure(name="P3", description="a second", ratios={"node": 2}, more_is_better=True)
ALONE = Figure(name="P14", description="%", limit=1, ratios={})


def result(value: float, **ratios: float) -> Result:
    return Result(value=value, ratios=ratios)


def test_appended_run_is_read_again_and_the_newest_result_of_a_machine_counts(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert history.read(file) == []
    first, second = history.new_run(rounds=3), history.new_run(rounds=1)
    first.results.update(P1=result(4, node=0.6), P14=result(2))
    second.results["P1"] = result(3, node=0.5)
    for run in (first, second):
        history.append(run, file)
    assert history.read(file) == [first, second]
    newest = history.latest(history.read(file), first.machine)
    assert newest == {"P1": (second, second.results["P1"]), "P14": (first, first.results["P14"])}
    assert history.latest(history.read(file), "another") == {}


def test_regression_of_a_ratio_beyond_ten_per_cent_is_reported() -> None:
    before = result(4, node=0.5, limit=1.0)
    assert regressions(RATIO, result(9, node=0.54, limit=1.2), before) == ["WORSE: 1 → 1.2 × limit"]
    assert regressions(RATE, result(100, node=1.8), result(100, node=2.0)) == ["WORSE: 2 → 1.8 × node"]
    assert regressions(RATE, result(100, node=2.6), result(100, node=2.0)) == []
    assert regressions(ALONE, result(1.2), result(1.0)) == ["WORSE: 1 → 1.2"]


def test_report_line_ends_with_the_regressions() -> None:
    found = [{"P14": {"hummdesk": 1.5}}]
    assert report_line(ALONE, found, result(1.0)) == "P14 %: 1.5 | target ≤ 1 | not met | WORSE: 1 → 1.5"
    assert report_line(ALONE, found, result(1.5)) == "P14 %: 1.5 | target ≤ 1 | not met"


def test_distance_from_target_is_that_of_the_missed_one() -> None:
    assert distance_from_target(RATIO, result(4, node=0.25, limit=1.5)) == 1.5
    assert distance_from_target(RATE, result(100, node=4)) == 0.5
    assert distance_from_target(ALONE, result(3)) == 3


def test_chart_of_the_documentation_is_current() -> None:
    assert (ROOT / "docs/performance.svg").read_text() == MODULES["docs/performance.svg"](), (
        "run: python -m docs.generate"
    )
