"""Counts for metrics, of tables that may be large."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.config import Settings
from hummdesk.relay.dispatcher import Dispatcher
from hummdesk.relay.feed import FeedSweeper
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.storage.database import Database

WAITING = """
SELECT FROM pg_locks
JOIN pg_database ON pg_database.oid = database AND datname = current_database()
WHERE relation = %s::regclass AND NOT granted
"""


class Broker:
    """Stands in for the queues, and for their reported lengths."""

    async def length(self, _queue: str) -> int:
        return 0

    async def report(self, _lengths: object) -> None: ...


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_relay", size=2, timeout=20, pipelined=True)
    await database.open()
    yield database
    await database.close()


def measure_of(table: str, relay: Database) -> Callable[[], Awaitable[None]]:
    """The step of the relay that counts the rows of the table."""
    broker: Any = Broker()
    match table:
        case "ai_runs":
            return Dispatcher(Settings(), relay, broker, cast(Any, None), reported=broker).measure
        case "outbox":
            return OutboxReceipts(relay, relay, cast(Any, None)).measure
        case _:
            return FeedSweeper(Settings(), relay).measure


@pytest.mark.parametrize("table", ["ai_runs", "outbox", "feed_changes"])
async def test_count_that_waits_for_postgresql_delays_no_statement_that_the_sweeps_share(
    relay: Database, database_url: str, table: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as holding:
        await holding.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        measuring = asyncio.ensure_future(measure_of(table, relay)())
        async with asyncio.timeout(15):
            while not (await holding.execute(WAITING, (table,))).rowcount:
                await asyncio.sleep(0.01)
        await relay.shared().execute(b"SELECT 1", {})
        assert not measuring.done()
        await holding.rollback()
        await measuring
