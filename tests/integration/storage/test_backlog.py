"""A backlog that grows faster than the statistics of PostgreSQL are updated makes neither a run nor the removal of an
outbox entry more expensive.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import md5
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest

from hummdesk.core.ids import new_id
from hummdesk.storage import database, outbox, run_dispatch, runs
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.runs import AttemptResult
from hummdesk.storage.writer_connection import WriterConnection

T = TypeVar("T")

WAITING = 3_000
TOGETHER = 50
"""Runs in one statement, as in a Celery task."""

SEED = """
SET session_replication_role = replica;
INSERT INTO accounts (account_id, name) VALUES (%(account)s, 'Account');
INSERT INTO conversations (account_id, id, contact_id, client_message_id)
SELECT %(account)s, md5('conversation' || n)::uuid, md5('contact' || n)::uuid, 'c' || n
FROM generate_series(1, 3000) AS n;
ANALYZE;
"""
MORE = """
SET session_replication_role = replica;
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content,
    content_type, client_message_id)
SELECT %(account)s, md5('message' || n)::uuid, md5('conversation' || n)::uuid, n,
    md5('contact' || n)::uuid, 'customer', 'Name', 'Some text.', 'text', 'm' || n
FROM generate_series(%(first)s::int, %(last)s::int) AS n;
INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind)
SELECT account_id, md5(id || 'run')::uuid, conversation_id, id, seq, 'classification'
FROM messages WHERE seq >= %(first)s;
"""
ENTRIES = """
INSERT INTO outbox (account_id, id, conversation_id, seq)
SELECT %(account)s, md5('message' || n)::uuid, md5('conversation' || n)::uuid, n
FROM generate_series(1, %(last)s::int) AS n;
"""
ENTRIES_READ = """
SELECT idx_tup_fetch + seq_tup_read AS read FROM pg_stat_xact_user_tables WHERE relname = 'outbox'
"""


class Backlog:
    def __init__(self, url: str) -> None:
        self.account = new_id()
        self.relay = Database(url, role="hummdesk_relay", size=1, timeout=10, pipelined=True)
        self.worker = Database(url, role="hummdesk_worker", size=1, timeout=10, pipelined=True)
        self.writer = WriterConnection(url, timeout=10)
        self._url = url

    async def arrive(self, statements: str, **values: Any) -> None:
        connect = psycopg.AsyncConnection.connect(self._url, autocommit=True, cursor_factory=psycopg.AsyncClientCursor)
        async with await connect as connection:
            await connection.execute(statements.encode(), {"account": self.account} | values)

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.worker.accounts([self.account])

    async def work(self) -> dict[str, int]:
        """Process the next runs to their end; return the number of runs that each step has read."""
        found: dict[str, int] = {}
        relay, worker = self.relay.autocommit_all(), self.worker.autocommit([self.account])
        taking = run_dispatch.take_due(relay, TOGETHER, lease_seconds=30, deadline_seconds=60)
        due, found["published"] = await counted_alone(relay, taking)
        refs = [(run.account_id, run.id) for run in due]
        claiming = runs.claim(worker, refs, delivery=new_id(), lease_seconds=30, history_limit=6)
        claimed, found["claimed"] = await counted_alone(worker, claiming)
        results = [AttemptResult(run=run, status="done", outcome="done", payload={}) for run in claimed]
        async with self.tx() as tx, counted(tx, found, "settled"):
            settled = await runs.settle(tx, results, quiet_seconds=0)
        async with self.tx() as tx, counted(tx, found, "announced"):
            assert await runs.mark_published(tx, [one.key for one in settled.ended]) == TOGETHER
        return found

    async def sweep(self) -> dict[str, int]:
        """Look for runs that a worker has lost or left; return the number of runs that each statement has read."""
        relay, attempts = self.relay.autocommit_all(), {"max_attempts": 3}
        statements = {
            "lost": run_dispatch.take_lost(relay, TOGETHER, lease_seconds=30, **attempts),
            "expired": run_dispatch.fail_expired(relay, TOGETHER, **attempts),
            "unpublished": run_dispatch.unpublished(relay, TOGETHER, older_than_seconds=0),
        }
        return {name: (await counted_alone(relay, statement))[1] for name, statement in statements.items()}


@asynccontextmanager
async def counted(tx: Transaction, found: dict[str, int], step: str) -> AsyncIterator[None]:
    """Count the runs read in the block, used or not."""
    before = await runs_read(tx)
    yield
    found[step] = await runs_read(tx) - before


async def counted_alone(tx: Transaction, step: Awaitable[T]) -> tuple[T, int]:
    """Return the result of a statement that commits, and how many runs it has read: all in one round trip."""
    before, result, after = await asyncio.gather(runs_read(tx), step, runs_read(tx))
    return result, after - before


async def runs_read(tx: Transaction) -> int:
    """Runs read by this transaction so far."""
    statistics = "SELECT idx_tup_fetch + seq_tup_read AS read FROM pg_stat_xact_user_tables WHERE relname = 'ai_runs'"
    row = await (await tx.execute(statistics, {})).fetchone()
    assert row is not None
    return int(row["read"])


@pytest.fixture
async def backlog(servers: Any, template: str) -> AsyncIterator[Backlog]:
    name = await servers.clone(template)
    backlog = Backlog(servers.cluster.url(name))
    await backlog.arrive(SEED)
    await backlog.relay.open()
    await backlog.worker.open()
    await backlog.writer.open()
    yield backlog
    await backlog.writer.close()
    await backlog.relay.close()
    await backlog.worker.close()
    await servers.drop(name)


async def test_run_with_many_waiting_runs_reads_no_more_rows(backlog: Backlog, monkeypatch: pytest.MonkeyPatch) -> None:
    await backlog.arrive(MORE, first=1, last=TOGETHER)
    await backlog.work()  # so that there are plans for a backlog that is almost empty
    await backlog.arrive(MORE, first=TOGETHER + 1, last=WAITING)
    monkeypatch.setattr(database, "PLAN_SECONDS", 0)
    for _ in range(3):
        read = await backlog.work()
        print(read)
        assert max(read.values()) <= 8 * TOGETHER


async def test_sweep_with_many_waiting_runs_reads_none_of_them(backlog: Backlog) -> None:
    await backlog.arrive(MORE, first=1, last=TOGETHER)
    await backlog.work()
    await backlog.sweep()  # so that there are plans for a backlog that is almost empty
    await backlog.arrive(MORE, first=TOGETHER + 1, last=WAITING)
    read = await backlog.sweep()
    assert max(read.values()) <= TOGETHER, read


async def test_removal_from_outbox_planned_while_it_was_empty_reads_only_its_entries(backlog: Backlog) -> None:
    keys = [
        (backlog.account, UUID(md5(b"message%d" % number, usedforsecurity=False).hexdigest()))
        for number in range(1, TOGETHER + 1)
    ]
    await backlog.writer.run([backlog.account], [outbox.removal(keys)])  # so that there is a plan for an empty table
    await backlog.arrive(ENTRIES, last=WAITING)
    steps = [(ENTRIES_READ, {}), outbox.removal(keys), (ENTRIES_READ, {})]
    [[before], _, [after]] = await backlog.writer.run([backlog.account], steps)
    assert after["read"] - before["read"] == TOGETHER
