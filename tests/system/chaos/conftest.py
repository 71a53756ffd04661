"""One deployment that all fault tests share, and the summary of their measurements."""

from collections.abc import AsyncIterator, Generator

import pytest

from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.report import ROWS


@pytest.fixture(scope="package")
async def shared_deployment() -> AsyncIterator[Deployment]:
    # A web process that the machine does not run for seconds is not taken for a killed one.
    async with deploy(presence_lease_seconds=6.0) as made:
        yield made


@pytest.fixture
async def deployment(shared_deployment: Deployment) -> Deployment:
    """The shared deployment with all its processes running."""
    await shared_deployment.restart_missing()
    return shared_deployment


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the rows to the report: under xdist, another process prints the summary."""
    report = yield
    if call.when == "call":
        for row in ROWS:
            report.user_properties += [("fault", str(row)), ("acknowledged", row.acknowledged)]
        ROWS.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group]
    properties = [property for report in reports for property in getattr(report, "user_properties", ())]
    rows = [str(value) for name, value in properties if name == "fault"]
    if rows:
        terminalreporter.section("faults")
        for row in sorted(rows, key=lambda row: (len(row.partition("|")[0].strip()), row)):
            terminalreporter.line(row)
        terminalreporter.line(
            f"{sum(value for name, value in properties if name == 'acknowledged'):,} acknowledged in all"
        )
