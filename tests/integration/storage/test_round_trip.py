"""Statements that share a round trip."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.core.errors import Invalid, Unavailable
from hummdesk.storage.database import Database, Transaction

XACT = ("SELECT pg_current_xact_id()::text AS xact", dict[str, Any]())
NAME = "SELECT name FROM users WHERE id = %(id)s"
RENAME = "UPDATE users SET name = %(name)s WHERE id = %(id)s"


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection."""
    database = Database(database_url, role="hummdesk_app", size=1, timeout=20)
    await database.open()
    yield database
    await database.close()


async def test_read_returns_the_rows_of_each_query(account: Any, single: Database) -> None:
    query = "SELECT %(id)s::uuid AS id, number, %(text)s || '%%' AS text FROM generate_series(1, 2) AS number"
    first, second = await single.read(account.id, (query, {"id": account.id, "text": "all"}), XACT)
    assert first == [{"id": account.id, "number": number, "text": "all%"} for number in (1, 2)]
    assert len(second) == 1


async def test_read_sees_no_rows_of_another_account(account: Any, foreign: Any, single: Database) -> None:
    own, others = (NAME, {"id": account.agent.id}), (NAME, {"id": foreign.agent.id})
    assert [len(rows) for rows in await single.read(account.id, own, others)] == [1, 0]
    assert [len(rows) for rows in await single.read(foreign.id, own, others)] == [0, 1]


async def test_read_that_fails_changes_nothing_and_leaves_a_usable_connection(account: Any, single: Database) -> None:
    """In both cases also a statement behind the failed one has to be prepared again."""
    rename, name = (RENAME, {"id": account.agent.id, "name": "Other"}), (NAME, {"id": account.agent.id})
    for _ in range(2):
        with pytest.raises(Invalid):
            await single.read(account.id, rename, ("SELECT 1 / %(zero)s", {"zero": 0}), name)
        assert await single.read(account.id, name) == [[{"name": account.agent.name}]]


async def test_statement_that_fails_is_prepared_once_under_a_name_of_its_process(
    account: Any, single: Database
) -> None:
    for _ in range(3):
        with pytest.raises(Invalid):
            await single.read(account.id, ("SELECT 7 / %(zero)s", {"zero": 0}))
    prepared = ("SELECT name FROM pg_prepared_statements WHERE statement LIKE 'SELECT 7 %%'", dict[str, Any]())
    [[row]] = await single.read(account.id, prepared)
    assert f"_{os.getpid()}_" in row["name"]


async def test_read_without_its_prepared_statements_prepares_them_again(account: Any, single: Database) -> None:
    before = await single.read(account.id, (NAME, {"id": account.agent.id}))
    async with single.account(account.id) as tx:
        await tx.execute("DEALLOCATE ALL")
    assert await single.read(account.id, (NAME, {"id": account.agent.id})) == before


@pytest.fixture
async def changing(account: Any) -> AsyncIterator[None]:
    """A table of two columns. The application may create none, not even a temporary one."""
    await account.execute("CREATE TABLE changing AS SELECT 1 AS first, 2 AS second")
    await account.execute("GRANT SELECT ON changing TO hummdesk_app")
    yield
    await account.execute("DROP TABLE changing")


@pytest.mark.usefixtures("changing")
async def test_read_after_a_change_of_its_columns_returns_them_under_their_new_names(
    account: Any, single: Database
) -> None:
    query = ("SELECT * FROM changing", dict[str, Any]())
    for _ in range(2):
        assert await single.read(account.id, query) == [[{"first": 1, "second": 2}]]
    for change in ("RENAME first TO third", "DROP second", "ADD fourth integer DEFAULT 4"):
        await account.execute(f"ALTER TABLE changing {change}")
        async with single.account(account.id) as tx:
            found = await (await tx.execute("TABLE changing", prepare=False)).fetchall()
        assert await single.read(account.id, query) == [found]


async def test_transaction_without_its_prepared_statements_begins(account: Any, single: Database) -> None:
    for _ in range(2):
        async with single.account(account.id) as tx:
            await tx.execute("DEALLOCATE ALL")


async def test_reader_asks_queries_of_one_tick_in_one_transaction(account: Any, single: Database) -> None:
    reader = single.reader(account.id)

    async def xact() -> str:
        [row] = await (await reader.execute(XACT[0].encode(), {})).fetchall()
        return str(row["xact"])

    first, second = await asyncio.gather(xact(), xact())
    assert first == second != await xact()


async def test_reader_fails_every_query_of_a_round_trip_with_its_error(account: Any, single: Database) -> None:
    reader = single.reader(account.id)
    failed = await asyncio.gather(
        reader.execute(b"SELECT 1 / %(zero)s", {"zero": 0}), reader.execute(b"SELECT 1", {}), return_exceptions=True
    )
    assert [type(error) for error in failed] == [Invalid, Invalid]


async def test_shared_statements_of_one_tick_are_one_transaction(single: Database) -> None:
    first, second = await asyncio.gather(*(rows(single.shared(), XACT[0]) for _ in range(2)))
    assert first == second != await rows(single.shared(), XACT[0])


async def test_shared_statement_that_fails_does_not_fail_the_others_of_its_tick(single: Database) -> None:
    texts = ("SELECT 1 AS number", "SELECT 1 / 0", "SELECT 3 AS number")
    results = await asyncio.gather(*(rows(single.shared(), text) for text in texts), return_exceptions=True)
    assert [results[0], type(results[1]), results[2]] == [[{"number": 1}], Invalid, [{"number": 3}]]


@pytest.mark.parametrize("error", ["query_canceled", "lock_not_available"])
async def test_shared_statement_that_ends_by_a_timeout_is_not_repeated(single: Database, error: str) -> None:
    """Each repeat would take as long, and delay the statements of later ticks."""
    timed_out = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{error}'; END $$"
    texts = ("SELECT 1 AS number", timed_out, "SELECT 3 AS number")
    results = await asyncio.gather(*(rows(single.shared(), text) for text in texts), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    assert await rows(single.shared(), texts[0]) == [{"number": 1}]


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection of an AI worker."""
    database = Database(database_url, role="hummdesk_worker", size=1, timeout=5, pipelined=True)
    await database.open()
    yield database
    await database.close()


async def rows(tx: Transaction, query: str, **parameters: Any) -> list[dict[str, Any]]:
    return await (await tx.execute(query.encode(), parameters)).fetchall()


async def test_autocommit_commits_each_statement_in_a_transaction_of_its_own(account: Any, worker: Database) -> None:
    tx = worker.autocommit([account.id])
    await rows(tx, "UPDATE users SET last_seen_at = now() WHERE id = %(id)s RETURNING id", id=account.agent.id)
    async with worker.accounts([account.id]) as after:
        [row] = await rows(after, "SELECT last_seen_at FROM users WHERE id = %(id)s", id=account.agent.id)
    assert row["last_seen_at"] is not None
    assert await rows(tx, XACT[0]) != await rows(tx, XACT[0])


async def test_autocommit_sees_the_accounts_that_it_names(account: Any, foreign: Any, worker: Database) -> None:
    query, ids = "SELECT id FROM users WHERE id = ANY(%(ids)s)", [account.agent.id, foreign.agent.id]
    assert await rows(worker.autocommit([account.id]), query, ids=ids) == [{"id": account.agent.id}]
    assert len(await rows(worker.autocommit([account.id, foreign.id]), query, ids=ids)) == 2
    assert await rows(worker.autocommit_all(), query, ids=ids) == []


async def test_autocommit_that_is_not_durable_leaves_the_next_one_durable(account: Any, worker: Database) -> None:
    query = "SELECT current_setting('synchronous_commit') AS value"
    assert await rows(worker.autocommit([account.id], durable=False), query) == [{"value": "off"}]
    assert await rows(worker.autocommit([account.id]), query) == [{"value": "on"}]
