"""Connections of the superuser to the databases of the tests, kept for further statements.

Another connection for each statement takes the test process and PostgreSQL ten times the CPU time of the statement.
"""

import select
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

_idle: defaultdict[str, list[AsyncConnection[Any]]] = defaultdict(list)
"""By URL; each is used by one caller at a time."""


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in autocommit mode. It keeps what a session keeps: settings, temporary tables, listening."""
    taken = await _take(url)
    try:
        yield taken
    finally:
        if taken.info.transaction_status == TransactionStatus.IDLE:
            _idle[url].append(taken)
        else:
            await taken.close()


async def execute(url: str, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement without row-level security, and return its rows."""
    async with connection(url) as taken:
        cursor = await taken.execute(statement.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []


async def close(url: str | None = None) -> None:
    """Close the idle connections to this database, by default to all."""
    for one in [url] if url is not None else list(_idle):
        for connected in _idle.pop(one, []):
            await connected.close()


async def _take(url: str) -> AsyncConnection[Any]:
    while _idle[url]:
        connected = _idle[url].pop()
        if not _is_ended(connected):
            return connected
        await connected.close()
    # Prepared statements would fail after the migrations of a test.
    return await AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)


def _is_ended(connected: AsyncConnection[Any]) -> bool:
    """Whether the server has ended the connection: only then is there something to read."""
    return bool(select.select([connected.fileno()], [], [], 0)[0])
