"""The line that reports a figure."""

import pytest

from bench.report import Figure, report_line
from bench.study import Round

LOWER = Figure(name="P1", description="µs", limit=10, ratios={"node": 0.5, "nats": 1})
HIGHER = Figure(name="P3", description="a second", ratios={"node": 2}, more_is_better=True)


def rounds(name: str, *results: dict[str, float]) -> list[Round]:
    return [{name: result} for result in results]


def test_report_line_has_medians_ratios_and_verdict() -> None:
    found = rounds(
        "P1",
        {"hummdesk": 4, "node": 10, "nats": 4},
        {"hummdesk": 5, "node": 20, "nats": 5},
        {"hummdesk": 90, "node": 200, "nats": 100},
    )
    expected = "P1  µs: 5 | node 20, nats 5 | target ≤ 10, ≤ 0.5 × node (0.40), ≤ 1 × nats (1.00) | met"
    assert report_line(LOWER, found) == expected


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ({"hummdesk": 11, "node": 100, "nats": 100}, "not met"),
        ({"hummdesk": 9, "node": 10, "nats": 100}, "not met"),
        ({"hummdesk": 9, "nats": 100}, "met as far as measured"),
        ({"hummdesk": 11}, "not met"),
    ],
)
def test_verdict_considers_all_measured_targets(result: dict[str, float], verdict: str) -> None:
    assert report_line(LOWER, rounds("P1", result)).endswith(f"| {verdict}")


@pytest.mark.parametrize(("ours", "verdict"), [(200, "met"), (199, "not met")])
def test_verdict_of_a_figure_to_maximize(ours: float, verdict: str) -> None:
    assert report_line(HIGHER, rounds("P3", {"hummdesk": ours, "node": 100})).endswith(f"| {verdict}")


def test_figure_without_peers_has_nothing_to_compare_with() -> None:
    assert report_line(HIGHER, rounds("P3", {"hummdesk": 1234.5})) == (
        "P3  a second: 1,234 | target ≥ 2 × node (?) | no peer to compare with"
    )


def test_figure_without_a_result_is_not_measured() -> None:
    assert report_line(HIGHER, rounds("P3", {"node": 100})) == "P3  a second: not measured"
