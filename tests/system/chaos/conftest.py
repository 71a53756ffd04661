"""One desk that the tests of this folder break one after the other, and the table of what they measured."""

from collections.abc import AsyncIterator, Generator

import pytest

from tests.system.chaos.deployment import Arena, arena
from tests.system.chaos.report import ROWS


@pytest.fixture(scope="session")
async def broken_desk() -> AsyncIterator[Arena]:
    async with arena() as made:
        yield made


@pytest.fixture
async def desk(broken_desk: Arena) -> Arena:
    """Whole again, whatever the test before has done to it."""
    await broken_desk.heal()
    return broken_desk


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The rows go with the report, since the table is printed by another process when tests run in several."""
    report = yield
    if call.when == "call":
        for row in ROWS:
            report.user_properties += [("fault", str(row)), ("acknowledged", row.acknowledged)]
        ROWS.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kept in terminalreporter.stats.values() for report in kept]
    told = [property for report in reports for property in getattr(report, "user_properties", ())]
    rows = [str(value) for name, value in told if name == "fault"]
    if rows:
        terminalreporter.section("faults")
        for row in sorted(rows, key=lambda row: (len(row.partition("|")[0].strip()), row)):
            terminalreporter.line(row)
        terminalreporter.line(f"{sum(value for name, value in told if name == 'acknowledged'):,} acknowledged in all")
