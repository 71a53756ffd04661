"""PgBouncer in transaction mode, of a version that does not track prepared statements."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from statistics import quantiles

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.config import ProcessKind, Settings
from hummdesk.core.epochs import Epochs
from hummdesk.dev import postgres
from hummdesk.dev.process import POLL_SECONDS
from hummdesk.storage import database, migrations, startup
from hummdesk.storage.checks import database_findings
from hummdesk.storage.database import LISTENING, Database
from hummdesk.storage.logins import ROLES, name_of, url_of
from hummdesk.storage.migration_files import MigrationError
from hummdesk.storage.role import Role
from tests.conftest import Servers, make_reachable_directory
from tests.integration.storage.conftest import Account, opened
from tests.integration.storage.desk import desk
from tests.system.chaos.deployment import deploy
from tests.system.chaos.load import load
from tests.system.chaos.report import row
from tests.system.redis import certificates
from tests.system.security.pooler import PGBOUNCER, pgbouncer

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("PgBouncer", kind="in transaction mode"),
    pytest.mark.timeout(120),
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed"),
]

PROCESSES, CONNECTIONS = 20, 30
AT_ONCE = 4
"""Processes that start at the same time."""
LOAD_SECONDS = 3.0


@dataclass(frozen=True)
class Pooled:
    settings: Settings
    """Without the pooler."""
    url: str
    """Of the owner, through the pooler."""
    accounts: tuple[Account, Account]

    def url_of(self, kind: ProcessKind) -> str:
        return url_of(replace(self.settings, database_url=self.url), kind)


@pytest.fixture(scope="module")
async def pooled(servers: Servers, template: str, settings: Settings) -> AsyncIterator[Pooled]:
    """A database behind a pooler with two connections to the server."""
    async with desk(servers, settings) as made:
        logins = [name_of(made.postgres, kind) for kind in ROLES]
        folder = make_reachable_directory()
        async with pgbouncer(servers.cluster, folder, made.postgres, mode="transaction", users=logins) as url:
            app = Database(url, role="hummdesk_app", size=8, timeout=30)
            await app.open()
            superuser = servers.cluster.url(str(psycopg.conninfo.conninfo_to_dict(made.postgres)["dbname"]))
            first, second = [await Account(superuser, app).make() for _ in range(2)]
            yield Pooled(made, url, (first, second))
            await app.close()


@asynccontextmanager
async def connected(url: str, role: Role, *, pipelined: bool) -> AsyncIterator[Database]:
    made = Database(url, role=role, size=4, timeout=30, pipelined=pipelined, epochs=Epochs())
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("kind", "role", "pipelined"),
    [
        ("web", "hummdesk_app", False),
        ("web", "hummdesk_app", True),
        ("worker", "hummdesk_worker", True),
        ("relay", "hummdesk_relay", True),
    ],
)
async def test_transactions_through_pooler_see_the_rows_of_their_account_only(
    pooled: Pooled, kind: ProcessKind, role: Role, pipelined: bool
) -> None:
    statement = "SELECT account_id FROM outbox" if role == "hummdesk_relay" else "SELECT account_id FROM messages"
    for account in pooled.accounts:
        await account.send(account.customer)
    async with connected(pooled.url_of(kind), role, pipelined=pipelined) as served:

        async def read(number: int) -> set[bool]:
            account = pooled.accounts[number % 2]
            begin = served.accounts([account.id]) if role == "hummdesk_worker" else served.account(account.id)
            async with begin as tx:
                found = {one["account_id"] async for one in await tx.execute(statement)}
            return {one == account.id for one in found}

        seen = await asyncio.gather(*(read(number) for number in range(100)))
    own = {True, False} if role == "hummdesk_relay" else {True}  # the relay has the entries of all accounts
    assert all(one == own for one in seen)


async def test_messages_are_stored_through_pooler(pooled: Pooled) -> None:
    account = pooled.accounts[0]
    async with opened(pooled.url_of("web"), account.app) as one, opened(pooled.url_of("web"), account.app) as other:
        sends = [writer.send(account, "agent", f"Hello {n}") for n in range(20) for writer in (one, other)]
        stored = await asyncio.gather(*sends)
    assert len({sent.message.seq for sent in stored}) == 40


async def test_transaction_leaves_no_setting_to_the_next_one_of_the_pooler(pooled: Pooled) -> None:
    async with pooled.accounts[0].tx() as tx:
        await tx.execute("SELECT 1")
    query = """SELECT COALESCE(current_setting('app.account_id', true), '') || current_setting('role')
        || current_setting('statement_timeout') || current_setting('plan_cache_mode')"""
    found = set[str]()
    for _ in range(10):
        async with await psycopg.AsyncConnection.connect(pooled.url) as connection:
            found |= {text for (text,) in await (await connection.execute(query)).fetchall()}
    assert found == {"none0auto"}


async def test_check_at_the_start_leaves_no_role_to_the_next_one_of_the_pooler(pooled: Pooled) -> None:
    await startup.check(replace(pooled.settings, database_url=pooled.url), "web")
    async with await psycopg.AsyncConnection.connect(pooled.url_of("web")) as connection:
        assert await (await connection.execute("SELECT current_setting('role')")).fetchall() == [("none",)]


@pytest.mark.parametrize("pipelined", [False, True])
async def test_transaction_through_pooler_enters_the_epoch_of_its_server(pooled: Pooled, pipelined: bool) -> None:
    """The connection to the pooler stays, whatever server is behind it."""
    account, epochs = pooled.accounts[0], Epochs()
    served = Database(pooled.url_of("web"), role="hummdesk_app", size=1, timeout=30, pipelined=pipelined, epochs=epochs)
    await served.open()
    entered = set[int]()
    for _ in range(2):
        async with served.account(account.id) as tx:
            await tx.execute("SELECT 1")
        entered.add(epochs.current)
        await account.execute("UPDATE epochs SET history = 'that of another server'")
        await served.read(account.id, ("SELECT 1", {}))
        entered.add(epochs.current)
        await account.execute("UPDATE epochs SET history = 'that of another server'")
    assert len(entered) == 4
    await served.close()


async def test_notifications_without_an_address_of_the_server_are_polled(
    pooled: Pooled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "POLL_SECONDS", 0.01)
    served = Database(pooled.url, role="hummdesk_app", size=1, timeout=30)
    async with aclosing(served.listen("hummdesk_feed")) as notices:
        assert [await anext(notices) for _ in range(3)] == [LISTENING] * 3
    assert "database.polled" in caplog.messages


async def test_notifications_come_over_the_address_of_the_server(pooled: Pooled) -> None:
    served = Database(pooled.url, role="hummdesk_app", size=1, timeout=30, listen_url=pooled.settings.postgres)
    async with aclosing(served.listen("hummdesk_feed")) as notices:
        assert await anext(notices) == LISTENING
        async with await psycopg.AsyncConnection.connect(pooled.url, autocommit=True) as connection:
            await connection.execute(sql.SQL("NOTIFY hummdesk_feed, 'changed'"))
        assert await anext(notices) == ("hummdesk_feed", "changed")


async def test_migrate_through_pooler_is_refused(pooled: Pooled) -> None:
    with pytest.raises(MigrationError, match="set LISTEN_DATABASE_URL"):
        await migrations.migrate(pooled.url)


async def test_checks_find_a_pooler_without_an_address_of_the_server(pooled: Pooled) -> None:
    behind = replace(pooled.settings, database_url=pooled.url)
    assert {one.subject for one in await database_findings(behind)} == {"The pooler", "DATABASE_URL"}
    named = replace(behind, listen_database_url=pooled.settings.postgres)
    assert {one.subject for one in await database_findings(named)} == {"The pooler"}


async def test_checks_find_a_certificate_that_expires(pooled: Pooled, servers: Servers) -> None:
    """PgBouncer offers TLS as PostgreSQL does; the PostgreSQL of the tests is built without it."""
    folder = make_reachable_directory()
    made = certificates.make(folder)
    tls = ["client_tls_sslmode = require", f"client_tls_cert_file = {made.certificate}"]
    logins = [name_of(pooled.settings.postgres, kind) for kind in ROLES]
    async with pgbouncer(
        servers.cluster,
        folder,
        pooled.settings.postgres,
        mode="session",
        users=logins,
        options=[*tls, f"client_tls_key_file = {made.key}"],
    ) as url:
        found = await database_findings(replace(pooled.settings, database_url=url))
        named = replace(pooled.settings, listen_database_url=url)
        of_listening = [one for one in await database_findings(named) if "certificate" in one.problem]
    expected = "PostgreSQL at 127.0.0.1: its certificate expires in 0 days; renew it, and check its renewal"
    assert [str(one) for one in found if "certificate" in one.problem] == [expected]
    assert [str(one) for one in of_listening] == [expected]


async def test_twenty_web_processes_share_thirty_connections() -> None:
    async with deploy(web_processes=PROCESSES, starts=()) as made:
        direct, folder = made.settings.database_url, make_reachable_directory()
        async with pgbouncer(made.cluster, folder, direct, mode="transaction", size=CONNECTIONS) as url:
            port = psycopg.conninfo.conninfo_to_dict(url)["port"]
            address = f"postgresql://{postgres.NAME}@127.0.0.1:{port}/{postgres.NAME}"
            changed = replace(made.settings, database_url=address, listen_database_url=direct)
            behind = replace(made, settings=changed)
            for first in range(0, PROCESSES, AT_ONCE):
                await behind.start_web(*range(first, first + AT_ONCE))
            await behind.start_relay()
            with row("34", f"{PROCESSES} web processes share {CONNECTIONS} connections") as found:
                async with load(made, accounts=5, pause=0.05) as traffic:
                    most = 0
                    async with traffic.sending():
                        until = time.monotonic() + LOAD_SECONDS
                        while time.monotonic() < until:
                            most = max(most, await pooler_connections(made.settings.postgres))
                            await asyncio.sleep(POLL_SECONDS)
                    await traffic.compare(found)
                found.measure("connections of the pooler", most, at_most=CONNECTIONS)
                latencies = quantiles((one.seconds for one in traffic.acknowledged.values()), n=100)
                found.note(f"{len(traffic.acknowledged) / LOAD_SECONDS:,.0f} messages/s, p99 {latencies[98]:.3f} s")
                print(found)
            await made.stop(*[name for name in made.processes if name.startswith(("web", "relay"))])


async def pooler_connections(url: str) -> int:
    """The connections to the server that come over TCP or from the pooler: all but those that listen, and this one."""
    query = """
        SELECT count(*)
        FROM pg_stat_activity
        WHERE backend_type = 'client backend'
          AND pid <> pg_backend_pid()
          AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
    """
    async with await psycopg.AsyncConnection.connect(url) as connection:
        [(number,)] = await (await connection.execute(query)).fetchall()
    return int(number)
