"""P18: assignments of waiting conversations a second, and the time of a single one. `python -m bench.routing`.

Without peers: none of them assigns. Routers as two processes have them, PostgreSQL that syncs every commit, Redis and
the publication of the events share the two cores.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Any
from uuid import UUID

import click
import psycopg

from bench.testbed import Testbed, open_testbed
from hummdesk.bus.client import connect
from hummdesk.bus.commands import Commands
from hummdesk.bus.presence import Lease, Presence
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.ids import new_id
from hummdesk.publish.publisher import Publisher
from hummdesk.routing.router import Router
from hummdesk.storage.database import Database
from hummdesk.storage.outbox import EntryKey

AGENTS = 20
WAITING = 4_000
"""Conversations of each of two accounts for the throughput."""
CLOSE = "UPDATE conversations SET status = 'closed' WHERE account_id = %s"
ARRIVALS = 1_000
"""Conversations that come one at a time for the duration."""


async def measure(testbed: Testbed) -> None:
    accounts = [account.id for account in testbed.accounts[:2]]
    async with routers(testbed, number=2) as (made, presence):
        for account_id in accounts:
            await _prepare(testbed, presence, account_id)
            await _add(testbed, account_id, WAITING)
        await made[0].route(accounts[1])  # plans and connections
        await _execute(testbed, "VACUUM ANALYZE")
        left = await _queued(testbed, accounts)
        began = time.perf_counter()
        await asyncio.gather(*(router.route(one) for router, one in zip(made, accounts, strict=True)))
        seconds = time.perf_counter() - began
        moved = left - await _queued(testbed, accounts)
        click.echo(f"P18  assignments a second, {len(accounts)} accounts: {moved / seconds:,.0f} ({moved} in all)")
        times = await _one_by_one(testbed, made[0], accounts[0])
        click.echo(f"P18b ms until one is assigned and published, alone: p50 {times[49]:.1f}, p99 {times[98]:.1f}")


async def _one_by_one(testbed: Testbed, router: Router, account_id: UUID) -> Sequence[float]:
    """Percentiles of the milliseconds from the wake of a router until the conversation is assigned and published.

    The agents begin with none, and end with 50 open conversations each: a decision counts them.
    """
    await _execute(testbed, CLOSE, account_id)
    found = []
    for _ in range(ARRIVALS):
        await _add(testbed, account_id, 1)
        began = time.perf_counter()
        await router.route(account_id)
        found.append((time.perf_counter() - began) * 1000)
    return quantiles(found, n=100)


@asynccontextmanager
async def routers(testbed: Testbed, *, number: int) -> AsyncIterator[tuple[list[Router], Presence]]:
    settings = testbed.settings
    presence = Presence(Commands.of(settings.redis), settings)
    databases = [
        Database(settings.postgres, role="hummdesk_app", size=2, timeout=5, pipelined=True) for _ in range(number)
    ]
    writers = [
        StreamWriter(
            connect(settings.redis),
            length=settings.bus_length,
            shard_bytes=settings.bus_bytes,
            backlog_bytes=settings.backlog_bytes,
        )
        for _ in databases
    ]
    for database in databases:
        await database.open()
    yield (
        [
            Router(database, presence, Publisher(writer), confirm=_confirmed)
            for database, writer in zip(databases, writers, strict=True)
        ],
        presence,
    )
    for writer in writers:
        await writer.close()
    for database in databases:
        await database.close()
    await presence.close()


async def _confirmed(_: Sequence[EntryKey]) -> None:
    """The entries stay in the outbox: the message writer of a web process removes them with its transactions."""


async def _prepare(testbed: Testbed, presence: Presence, account_id: UUID) -> None:
    await _execute(testbed, CLOSE, account_id)
    await _execute(testbed, "INSERT INTO routing_positions (account_id) VALUES (%s)", account_id)
    settings = "INSERT INTO routing_settings (account_id, mode, capacity) VALUES (%s, 'least_loaded', 1000)"
    await _execute(testbed, settings, account_id)
    query = "SELECT id FROM users WHERE account_id = %s AND role = 'agent' LIMIT %s"
    for (agent_id,) in await _execute(testbed, query, account_id, AGENTS):
        await presence.join(Lease(account_id, agent_id, new_id().hex))


async def _add(testbed: Testbed, account_id: UUID, number: int) -> None:
    await _execute(
        testbed,
        "INSERT INTO conversations (account_id, id, contact_id, waiting_since) "
        "SELECT account_id, gen_random_uuid(), id, clock_timestamp() FROM contacts, generate_series(1, %s) "
        "WHERE account_id = %s AND id = (SELECT min(id::text)::uuid FROM contacts WHERE account_id = %s)",
        number,
        account_id,
        account_id,
    )


async def _queued(testbed: Testbed, accounts: Sequence[UUID]) -> int:
    query = "SELECT count(*) FROM conversations WHERE account_id = ANY(%s) AND status = 'open' AND assigned_to IS NULL"
    [(number,)] = await _execute(testbed, query, list(accounts))
    return int(number)


async def _execute(testbed: Testbed, statement: str, *values: object) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(testbed.settings.postgres, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode(), values or None)
        return await cursor.fetchall() if cursor.description is not None else []


def main() -> None:
    with open_testbed() as testbed, testbed.on_both_cores(), asyncio.Runner() as runner:
        runner.run(measure(testbed))


if __name__ == "__main__":
    main()
