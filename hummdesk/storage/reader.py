"""Queries that are asked at the same time and answered in one round trip."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from hummdesk.core.batching import Batcher
from hummdesk.storage.role import RoleConnection
from hummdesk.storage.round_trip import Row, Statement

Run = Callable[[Sequence[Statement]], Awaitable[list[list[Row]]]]
MAX_BATCH = 50


class Rows:
    """The part of a cursor that named queries use."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    async def fetchone(self) -> Row | None:
        return self._rows[0] if self._rows else None

    async def fetchall(self) -> list[Row]:
        return self._rows

    async def close(self) -> None:
        """Nothing is open."""


class Reader:
    """Takes the place of a transaction. The queries of one tick, or of `seconds`, share a round trip: a transaction.

    If one of them fails, all of that round trip do; if `isolate` is true for the error, the others are then repeated
    without it. What they change must be repeatable: see `Database.read`.
    """

    def __init__(self, run: Run, *, seconds: float, isolate: Callable[[Exception], bool]) -> None:
        self._batcher: Batcher[Statement, list[Row]] = Batcher(
            run, max_items=MAX_BATCH, seconds=seconds, isolate=isolate
        )

    async def execute(self, query: str | bytes, parameters: dict[str, Any]) -> Rows:
        text = query.decode() if isinstance(query, bytes) else query
        return Rows(await self._batcher.submit((text, parameters)))


def reader(run: Run, *, seconds: float = 0.0, isolate: Callable[[Exception], bool] = lambda _: False) -> RoleConnection:
    """Return a Reader for the functions of this package that take a transaction."""
    return cast(RoleConnection, Reader(run, seconds=seconds, isolate=isolate))
