"""When a connection discards the plans of its statements."""

import pytest
from psycopg.pq import PGconn

from hummdesk.storage import database
from hummdesk.storage.database import PLAN_SECONDS, PipelinedConnection

NOWHERE = b"host=/nonexistent"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(database, "monotonic", clock)
    return clock


def discarded(connection: PipelinedConnection, clock: Clock, uses: list[tuple[float, str]]) -> list[bool]:
    """Return whether plans are discarded at each use, so many lifetimes of a plan after the one before."""
    found = []
    for lifetimes, written in uses:
        clock.now += lifetimes * PLAN_SECONDS
        found.append(connection.has_old_plans(written))
    return found


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        pytest.param([(0, "10"), (0.6, "10"), (0.6, "10"), (0.6, "11")], [True, False, False, True], id="written"),
        pytest.param([(0, "10"), (0.6, "11"), (0.6, "11"), (0.6, "11")], [True, False, True, False], id="later"),
        pytest.param([(0, "10"), (0.6, "10"), (1.1, "10"), (0.6, "10")], [True, False, True, False], id="not used"),
    ],
)
def test_plans_are_discarded_after_their_lifetime_unless_nothing_was_written(
    clock: Clock, uses: list[tuple[float, str]], expected: list[bool]
) -> None:
    assert discarded(PipelinedConnection(PGconn.connect(NOWHERE)), clock, uses) == expected


def test_connection_that_prepares_nothing_has_no_old_plans(clock: Clock) -> None:
    connection = PipelinedConnection(PGconn.connect(NOWHERE))
    connection.prepare_threshold = None
    assert discarded(connection, clock, [(0, "10"), (2, "11")]) == [False, False]
