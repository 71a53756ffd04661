"""What each test reports beside its result: the engines that it ran with, and the rows of the table of faults."""

from collections.abc import Generator

import pytest

from tests.system import engines
from tests.system.chaos.report import ROWS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add properties to the reports: under xdist, another process prints the summary."""
    if call.when == "setup" and item.get_closest_marker("systems") is not None:
        item.user_properties += [("engine", name) for name in engines.of_test(item)]
    if call.when == "call":
        for row in ROWS:
            item.user_properties += [("fault", str(row)), ("acknowledged", row.acknowledged)]
            item.user_properties += [("figure", figure) for figure in row.figures()]
        ROWS.clear()
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group]
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    properties = [property for report in called for property in report.user_properties]
    rows = [str(value) for name, value in properties if name == "fault"]
    if rows:
        terminalreporter.section("faults")
        for row in sorted(rows, key=lambda row: (len(row.partition("|")[0].strip()), row)):
            terminalreporter.line(row)
        terminalreporter.line(
            f"{sum(value for name, value in properties if name == 'acknowledged'):,} acknowledged in all"
        )
