"""Migrations of a database in use: messages wait for them and are stored."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from hummdesk.storage import migrations
from hummdesk.storage.database import LISTENING
from hummdesk.storage.migration_files import Migration, MigrationError, newest
from hummdesk.storage.migrations import migrate
from tests.integration.storage.conftest import SHORT_SECONDS, Account, opened, the_only_account
from tests.running_time import running_timeout

ADD_COLUMN = Migration(name="9001_column", sql="ALTER TABLE messages ADD COLUMN later text")
INDEX = Migration(
    name="9002_index",
    sql="-- no transaction\n"
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS messages_later ON messages (account_id, content);\n",
)

DEADLOCK_ONCE = """
CREATE SEQUENCE builds;
CREATE FUNCTION deadlock_once(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF nextval('public.builds') = 1 THEN
        RAISE deadlock_detected;
    END IF;
    RETURN $1;
END
$$
"""
"""A function for an index, which fails in the first build as PostgreSQL does if the build waits in a circle."""


@pytest.fixture
async def alone(fresh_database_url: str) -> AsyncIterator[Account]:
    """On a database of its own, whose tables the tests change."""
    async with the_only_account(fresh_database_url) as account:
        yield account


def release(monkeypatch: pytest.MonkeyPatch, *added: Migration) -> None:
    """Add migrations to the released ones."""
    released = [*Migration.released(), *added]
    monkeypatch.setattr(Migration, "released", classmethod(lambda cls: released))


@asynccontextmanager
async def sending(account: Account, *, longest: float = SHORT_SECONDS) -> AsyncIterator[list[float]]:
    """Send messages during the block, each in `longest` seconds; yields how long each has taken."""
    took: list[float] = []
    is_over = False

    async def send() -> None:
        async with opened(account.url, account.app) as harness:
            while not is_over:
                began = time.monotonic()
                async with running_timeout(longest):
                    await harness.send(account, "agent", f"Message {len(took)}")
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        yield took
        is_over = True


@asynccontextmanager
async def holding(account: Account, mode: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """A transaction that holds a lock on messages: ACCESS SHARE as a dump, ROW EXCLUSIVE as a writer."""
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute(f"LOCK TABLE messages IN {mode} MODE".encode())
        yield connection


async def until_retried(caplog: pytest.LogCaptureFixture, times: int) -> None:
    async with asyncio.timeout(15):
        while caplog.messages.count("migration.retried") < times:
            await asyncio.sleep(0.01)


async def until_waiting(account: Account, mode: str) -> None:
    """Wait until a connection to the database waits for a lock."""
    async with asyncio.timeout(15):
        while not await account.execute(
            "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database "
            f"WHERE datname = current_database() AND mode = '{mode}' AND NOT granted"
        ):
            await asyncio.sleep(0.01)


async def columns(account: Account) -> set[str]:
    found = await account.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'messages'::regclass")
    return {name for (name,) in found}


async def test_migration_behind_a_long_transaction_delays_messages_and_fails_none(
    alone: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    release(monkeypatch, ADD_COLUMN)
    async with sending(alone) as took, holding(alone, "ACCESS SHARE") as transaction:
        migrating = asyncio.create_task(migrate(alone.url))
        await until_retried(caplog, 2)
        assert "later" not in await columns(alone)
        await transaction.rollback()
        assert await migrating == [ADD_COLUMN.name]
    assert "later" in await columns(alone)
    assert max(took) > 0.2


async def test_migration_waits_for_a_vacuum_while_messages_are_sent(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VACUUM holds the lock SHARE UPDATE EXCLUSIVE, for minutes in a large table."""
    monkeypatch.setattr(migrations, "ATTEMPTS", 1)
    monkeypatch.setattr(migrations, "VACUUM_SECONDS", 60.0)
    release(monkeypatch, ADD_COLUMN)
    async with sending(alone) as took, holding(alone, "SHARE UPDATE EXCLUSIVE") as vacuum:
        migrating = asyncio.create_task(migrate(alone.url, hold_seconds=20))
        await until_waiting(alone, "ShareUpdateExclusiveLock")
        before = len(took)
        while len(took) < before + 20:
            await asyncio.sleep(0.01)
        assert not migrating.done()
        await vacuum.rollback()
        assert await migrating == [ADD_COLUMN.name]
    assert "later" in await columns(alone)


async def test_migration_that_holds_its_locks_too_long_is_rolled_back_and_reported(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "ATTEMPTS", 2)
    release(monkeypatch, Migration(name="9001_slow", sql=ADD_COLUMN.sql + "; SELECT pg_sleep(0.3), pg_sleep(60)"))
    async with sending(alone):
        with pytest.raises(MigrationError, match=r"9001_slow: not applied, 2 attempts of 0\.5 s .*--offline"):
            await migrate(alone.url, hold_seconds=0.5)
    assert "later" not in await columns(alone)


async def test_migration_without_a_limit_waits_for_long_transactions(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "ATTEMPTS", 1)
    release(monkeypatch, ADD_COLUMN)
    async with holding(alone, "ACCESS SHARE") as transaction:
        migrating = asyncio.create_task(migrate(alone.url, hold_seconds=None))
        await until_waiting(alone, "AccessExclusiveLock")
        await transaction.rollback()
        assert await migrating == [ADD_COLUMN.name]


async def test_index_is_built_while_messages_are_sent(alone: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build waits for transactions that have begun before; the messages do not wait for the build."""
    release(monkeypatch, INDEX)
    async with sending(alone, longest=SHORT_SECONDS / 2) as took, holding(alone, "ROW EXCLUSIVE") as transaction:
        migrating = asyncio.create_task(migrate(alone.url))
        async with asyncio.timeout(20):
            while not await alone.execute("SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%%'"):
                await asyncio.sleep(0.01)
        before = len(took)
        while len(took) < before + 20:
            await asyncio.sleep(0.01)
        assert not migrating.done()
        await transaction.rollback()
        assert await migrating == [INDEX.name]
    assert await indexes(alone) == [(True,)]


async def test_invalid_index_of_an_interrupted_build_is_built_again(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await alone.send(alone.customer, "The same")
    release(monkeypatch, INDEX)
    with pytest.raises(MigrationError, match="could not create unique index"):
        await migrate(alone.url)
    assert await indexes(alone) == [(False,)]
    await alone.execute("DELETE FROM ai_runs; DELETE FROM messages WHERE seq = 2")
    assert await migrate(alone.url) == [INDEX.name]
    assert await indexes(alone) == [(True,)]


async def test_index_whose_build_ends_in_a_deadlock_is_built_again(
    alone: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await alone.send(alone.customer)
    await alone.execute(DEADLOCK_ONCE)
    release(monkeypatch, replace(INDEX, sql=INDEX.sql.replace("content", "deadlock_once(content)")))
    assert await migrate(alone.url) == [INDEX.name]
    assert await indexes(alone) == [(True,)]
    assert caplog.messages.count("migration.retried") == 1


async def indexes(account: Account) -> list[tuple[bool]]:
    """Whether the index of the migration is valid, if it exists."""
    found = await account.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('messages_later')")
    return [(bool(valid),) for (valid,) in found]


async def test_table_of_a_later_migration_is_backed_up(alone: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "CREATE TABLE later (account_id uuid); ALTER TABLE later ENABLE ROW LEVEL SECURITY"
    release(monkeypatch, Migration(name="9001_table", sql=table))
    await migrate(alone.url)
    await alone.execute("INSERT INTO later VALUES (%(account)s)")
    async with await psycopg.AsyncConnection.connect(alone.url) as connection:
        await connection.execute("SET ROLE hummdesk_backup")
        assert (await connection.execute("SELECT FROM later")).rowcount == 1


async def test_table_is_backed_up_and_erased_before_a_migration_that_may_take_long(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Migration(name="9002_copy", sql="-- no transaction\nSELECT 1 / 0;\n")
    table = "CREATE TABLE later (account_id uuid); ALTER TABLE later ENABLE ROW LEVEL SECURITY"
    release(monkeypatch, Migration(name="9001_table", sql=table), failing)
    with pytest.raises(MigrationError, match="division by zero"):
        await migrate(alone.url)
    policies = await alone.execute("SELECT policyname FROM pg_policies WHERE tablename = 'later' ORDER BY policyname")
    assert policies == [("deleted_by_eraser",), ("every_row_backed_up",), ("seen_by_eraser",)]


async def test_migration_that_does_not_serve_connected_processes_is_refused(
    alone: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 0.2.0 and later; the processes of 0.1.0 do not show their version."""
    compatible = Migration(name="9001_add", sql=f"-- compatible from: {newest():04}\nCREATE TABLE added ()")
    breaking = Migration(name="9002_break", sql="DROP TABLE added")
    listening = alone.app.listen("hummdesk_people")
    assert await anext(listening) == LISTENING
    release(monkeypatch, compatible)
    assert await migrate(alone.url) == ["9001_add"]
    release(monkeypatch, breaking)
    with pytest.raises(MigrationError, match=rf"9002_break does not serve .* after {newest():04}: stop them first"):
        await migrate(alone.url)
    await listening.aclose()
    assert await migrate(alone.url) == ["9002_break"]
