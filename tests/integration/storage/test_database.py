import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.errors import Invalid, NotFound, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.storage.database import Database
from tests.integration.storage.conftest import Account, opened, the_only_account
from tests.running_time import running_timeout

UNREACHABLE = "postgresql://hummdesk@127.0.0.1:1/hummdesk"


@pytest.fixture
async def pool_of_one(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_app", size=1, timeout=1)
    await database.open()
    await until_available(database)
    yield database
    await database.close()


@pytest.fixture
async def patient_pool_of_one(database_url: str) -> AsyncIterator[Database]:
    """Waits longer than any machine stands still."""
    database = Database(database_url, role="hummdesk_app", size=1, timeout=20)
    await database.open()
    yield database
    await database.close()


async def until_available(database: Database) -> None:
    """Return when the database is available: a busy machine may take longer than the short timeouts of the tests."""
    while True:
        with suppress(Unavailable):
            return await database.check()


async def value(tx: Any, expression: str) -> Any:
    row = await (await tx.execute(f"SELECT {expression} AS value".encode())).fetchone()
    return row["value"]


async def idle(account: Account, pids: Iterable[int]) -> list[tuple[Any, ...]]:
    """The connections among these with an abandoned transaction."""
    return await account.execute(
        "SELECT pid FROM pg_stat_activity WHERE pid = ANY (%(pids)s) AND state LIKE 'idle in transaction%%'",
        pids=list(pids),
    )


async def test_transaction_returns_dictionaries_and_utc_times(account: Any) -> None:
    async with account.tx() as tx:
        row = await (await tx.execute("SELECT '{\"a\": 1}'::jsonb AS document, now() AS moment")).fetchone()
    assert row["document"] == {"a": 1}
    assert row["moment"].tzname() == "UTC"


async def cut(account: Any, tx: Any) -> None:
    """Terminate the connection and wait until it is closed."""
    await account.execute("SELECT pg_terminate_backend(%(pid)s, 5000)", pid=tx.info.backend_pid)


async def close_conversation(tx: Any, account: Any) -> None:
    await tx.execute("UPDATE conversations SET status = 'closed' WHERE id = %s", (account.conversation,))


async def test_transaction_that_raises_is_rolled_back(account: Any) -> None:
    async def change_your_mind() -> None:
        async with account.tx() as tx:
            await close_conversation(tx, account)
            raise NotFound

    with pytest.raises(NotFound):
        await change_your_mind()
    assert (await account.see(account.admin)).status == "open"


async def test_transaction_of_cancelled_task_is_closed(account: Any) -> None:
    entered, pids = asyncio.Event(), list[int]()

    async def handler() -> None:
        async with account.tx() as tx:
            pids.append(tx.info.backend_pid)
            await close_conversation(tx, account)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(handler())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await idle(account, pids) == []
    await account.send(account.agent)  # the row is not locked any more
    assert (await account.see(account.admin)).status == "open"


async def test_pool_after_cancellation_at_any_moment_stays_usable(account: Any, patient_pool_of_one: Database) -> None:
    pids = set[int]()

    async def handler() -> None:
        async with patient_pool_of_one.account(account.id) as tx:
            pids.add(tx.info.backend_pid)
            await value(tx, "pg_sleep(0.002)")

    for n in range(40):
        task = asyncio.create_task(handler())
        await asyncio.sleep(n / 8000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with patient_pool_of_one.account(account.id) as tx:
        assert await value(tx, "current_account()") == account.id
    assert await idle(account, pids) == []


async def test_slow_statement_raises_unavailable(pool_of_one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hummdesk.storage.database.ABORT_MARGIN_SECONDS", 20.0)  # PostgreSQL ends it first
    with pytest.raises(Unavailable) as refused:
        async with pool_of_one.all_accounts() as tx:
            await tx.execute("SELECT pg_sleep(5)")
    assert isinstance(refused.value.__cause__, psycopg.errors.QueryCanceled)
    await until_available(pool_of_one)


async def test_locked_table_raises_unavailable(account: Any, pool_of_one: Database) -> None:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE canned_replies")
        with pytest.raises(Unavailable):
            async with pool_of_one.account(account.id) as tx:
                await tx.execute("SELECT FROM canned_replies")
    await until_available(pool_of_one)


async def test_exhausted_pool_raises_unavailable(pool_of_one: Database) -> None:
    async with pool_of_one.all_accounts():
        with pytest.raises(Unavailable):
            await pool_of_one.check()
    await until_available(pool_of_one)


async def test_lost_connection_fails_one_transaction_and_is_replaced(account: Any, pool_of_one: Database) -> None:
    async def handler() -> None:
        async with pool_of_one.account(account.id) as tx:
            await cut(account, tx)
            await value(tx, "1")

    with pytest.raises(Unavailable):
        await handler()
    await until_available(pool_of_one)


async def test_idle_connections_that_were_lost_fail_no_transaction(account: Any, patient_pool_of_one: Database) -> None:
    async with patient_pool_of_one.all_accounts() as tx:
        connection = tx
    await cut(account, connection)
    await patient_pool_of_one.check()


async def test_pool_full_of_lost_connections_causes_no_delay(account: Any, database_url: str) -> None:
    """psycopg's own check would wait for one second, then two, between the connections."""
    database = Database(database_url, role="hummdesk_app", size=5, timeout=20)
    await database.open()
    async with AsyncExitStack() as held:
        connections = [await held.enter_async_context(database.all_accounts()) for _ in range(5)]
    for connection in connections:
        await cut(account, connection)
    async with running_timeout(0.9):
        await database.check()
    await database.close()


async def test_commit_on_lost_connection_raises_unavailable(account: Any, pool_of_one: Database) -> None:
    async def handler() -> None:
        async with pool_of_one.account(account.id) as tx:
            await close_conversation(tx, account)
            await cut(account, tx)

    with pytest.raises(Unavailable):
        await handler()
    assert (await account.see(account.admin)).status == "open"


async def test_open_without_server_succeeds_and_transactions_are_unavailable() -> None:
    database = Database(UNREACHABLE, role="hummdesk_app", size=2, timeout=0.3)
    await database.open()
    with pytest.raises(Unavailable):
        await database.check()
    await database.close()
    with pytest.raises(Unavailable):
        await database.check()


async def test_pool_after_long_outage_reconnects(
    servers: Any, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.storage.database.RECONNECT_SECONDS", 0.2)
    monkeypatch.setattr("psycopg_pool.base.AttemptWithBackoff.DELAY_BACKOFF", 1000)  # as after minutes of outage
    name = fresh_database_url.split("/")[3].split("?")[0]
    database = Database(fresh_database_url, role="hummdesk_app", size=2, timeout=0.5)
    await database.open()
    await until_available(database)
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    await servers.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
    await servers.execute(
        sql.SQL("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}").format(name)
    )
    for _ in range(4):
        with pytest.raises(Unavailable):
            await database.check()
    await servers.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
    async with running_timeout(5):
        await until_available(database)
    await database.close()


async def test_programming_errors_are_not_translated(account: Any) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        async with account.tx() as tx:
            await tx.execute("UPDATE conversations SET status = 'lost' WHERE id = %s", (account.conversation,))


@pytest.mark.parametrize(("column", "noun"), [("assigned_to", "agent"), ("assigned_team", "team")])
async def test_known_constraint_violation_becomes_contract_error(account: Any, column: str, noun: str) -> None:
    statement = sql.SQL("UPDATE conversations SET {} = %s WHERE id = %s").format(sql.Identifier(column))
    with pytest.raises(NotFound, match=noun):
        async with account.tx() as tx:
            await tx.execute(statement, (new_id(), account.conversation))


async def test_value_that_cannot_be_stored_raises_invalid(account: Any) -> None:
    with pytest.raises(Invalid):
        async with account.tx() as tx:
            await tx.execute("SELECT %s::text", ("\0",))


async def test_listen_after_lost_connection_reconnects_and_yields_empty(account: Any) -> None:
    listening = account.app.listen("hummdesk_people", "hummdesk_runs")
    async with running_timeout(5):
        assert await anext(listening) == ("", "")
        await account.execute("SELECT pg_notify('hummdesk_runs', 'a'), pg_notify('other', 'b')")
        assert await anext(listening) == ("hummdesk_runs", "a")
        await account.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' "
            "AND datname = current_database()"
        )
        assert await anext(listening) == ("", "")
        await account.execute("SELECT pg_notify('hummdesk_people', 'c')")
        assert await anext(listening) == ("hummdesk_people", "c")
    await listening.aclose()


async def test_listen_can_be_cancelled() -> None:
    listening = Database(UNREACHABLE, role="hummdesk_app", size=1, timeout=1).listen("hummdesk_runs")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await anext(listening)
    await listening.aclose()


async def test_frozen_server_raises_unavailable(pool_of_one: Database, account: Any) -> None:
    """Fault row 19: a stopped server does not apply statement_timeout either."""

    async def ask() -> None:
        async with pool_of_one.account(account.id) as tx:
            os.kill(tx.info.backend_pid, signal.SIGSTOP)
            frozen.append(tx.info.backend_pid)
            await tx.execute("SELECT 1")

    frozen: list[int] = []
    try:
        async with running_timeout(4):
            with pytest.raises(Unavailable):
                await ask()
    finally:
        os.kill(frozen[0], signal.SIGCONT)
    await until_available(pool_of_one)


async def test_connection_that_does_not_respond_costs_the_wait_for_one_not_for_all(
    database_url: str, account: Any
) -> None:
    """A host that has vanished closes no connection: each would be waited for."""
    database = Database(database_url, role="hummdesk_app", size=3, timeout=3)
    await database.open()
    async with AsyncExitStack() as busy:
        opened = [await busy.enter_async_context(database.account(account.id)) for _ in range(3)]
        frozen = [tx.info.backend_pid for tx in opened]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with database.account(account.id) as tx:
            assert tx.info.backend_pid not in frozen
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await database.close()


@pytest.fixture
async def separate(fresh_database_url: str) -> AsyncIterator[Account]:
    """The account of a database whose settings a test changes."""
    async with the_only_account(fresh_database_url) as account:
        yield account


async def test_connection_to_a_server_that_accepts_no_changes_is_replaced(separate: Account) -> None:
    """As behind an address that leads to a standby during a failover."""
    name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(separate.url)["dbname"]))
    set_read_only = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format
    rename = "UPDATE users SET name = 'Other' WHERE id = %s"
    await separate.execute(set_read_only(name, sql.SQL("on")).as_string())
    database = Database(separate.url, role="hummdesk_app", size=1, timeout=20)
    await database.open()
    async with opened(separate.url, separate.app) as harness:
        with pytest.raises(Unavailable):
            async with database.account(separate.id) as tx:
                await tx.execute(rename, (separate.agent.id,))
        with pytest.raises(Unavailable):
            await harness.send(separate, "agent")
        await separate.execute("BEGIN READ WRITE; " + set_read_only(name, sql.SQL("off")).as_string() + "; COMMIT")
        done = set[str]()
        for _ in range(2):  # the first ones still have the connections that replaced those before
            with suppress(Unavailable):
                async with database.account(separate.id) as tx:
                    await tx.execute(rename, (separate.agent.id,))
                done.add("renamed")
            with suppress(Unavailable):
                await harness.send(separate, "agent")
                done.add("sent")
    assert done == {"renamed", "sent"}
    await database.close()


async def test_transaction_that_is_not_durable_leaves_the_next_one_durable(database_url: str, account: Any) -> None:
    database = Database(database_url, role="hummdesk_worker", size=1, timeout=20, pipelined=True)
    await database.open()
    async with database.accounts([account.id], durable=False) as tx:
        assert await value(tx, "current_setting('synchronous_commit')") == "off"
        await tx.execute("UPDATE conversations SET priority = 'urgent' WHERE id = %s", (account.conversation,))
    assert (await account.see(account.admin)).priority == "urgent"
    async with database.accounts([account.id]) as tx:
        assert await value(tx, "current_setting('synchronous_commit')") == "on"
    await database.close()
