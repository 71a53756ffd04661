"""One desk that the tests of this folder break one after the other, and the table of what they measured."""

from collections.abc import AsyncIterator

import pytest

from tests.chaos import load
from tests.chaos.arena import Arena, arena
from tests.chaos.report import ROWS


@pytest.fixture(scope="session")
async def broken_desk() -> AsyncIterator[Arena]:
    async with arena() as made:
        yield made


@pytest.fixture
async def desk(broken_desk: Arena) -> Arena:
    """Whole again, whatever the test before has done to it."""
    await broken_desk.heal()
    return broken_desk


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("faults")
        for row in sorted(ROWS, key=lambda row: (len(row.number), row.number)):
            terminalreporter.line(str(row))
        terminalreporter.line(f"{load.ALL_SENT['messages']:,} acknowledged messages in all")
