"""When a web process looks for departures again."""

from types import SimpleNamespace
from typing import Any

import pytest

from hummdesk.server.maintenance import DEPARTURES_SECONDS, publish_departures


class Leases:
    """No lease has ended, and the next one ends in so many seconds."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    async def expire(self) -> list[Any]:
        return []

    async def seconds_until_end(self) -> float | None:
        return self._seconds


@pytest.mark.parametrize(
    ("ends", "searched"), [(2.0, 2.0), (0.1, DEPARTURES_SECONDS), (-1.0, DEPARTURES_SECONDS), (None, None)]
)
async def test_departures_are_searched_for_when_the_next_lease_ends(ends: float | None, searched: float | None) -> None:
    context: Any = SimpleNamespace(presence=Leases(ends))
    assert await publish_departures(context) == searched
