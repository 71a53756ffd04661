"""Migrations, logins and policies on the oldest supported PostgreSQL, that of the system, which has no pgvector."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from hummdesk.core.config import PROCESS_KINDS, Settings
from hummdesk.dev import postgres
from hummdesk.dev.directories import server_user
from hummdesk.storage import logins, migrations, startup
from hummdesk.storage.database import Database
from hummdesk.storage.logins import url_of
from hummdesk.storage.migration_files import Migration
from hummdesk.storage.migrations import MINIMUM_SERVER, migrate
from tests.conftest import make_reachable_directory
from tests.integration.storage.conftest import Account, opened
from tests.integration.storage.desk import PASSWORDS, owner_of

BINARIES = Path(f"/usr/lib/postgresql/{MINIMUM_SERVER}/bin")
pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("oldest PostgreSQL"),
    pytest.mark.skipif(not BINARIES.is_dir(), reason=f"PostgreSQL {MINIMUM_SERVER} is not installed"),
]


@pytest.fixture(scope="module")
async def old_server() -> AsyncIterator[postgres.Cluster]:
    folder = make_reachable_directory()
    cluster = postgres.Cluster(folder / "old", folder / "old", BINARIES, server_user())
    cluster.place.mkdir(mode=0o711)
    if cluster.user is not None:
        shutil.chown(cluster.place, cluster.user.uid, cluster.user.gid)
    initdb = (str(BINARIES / "initdb"), "-D", str(cluster.data), "-U", postgres.NAME, "--encoding=UTF8", "--locale=C")
    await postgres._run(cluster, (*initdb, "--auth=trust", "--no-sync"))
    server = await postgres.start(cluster, folder, durable=False)
    yield cluster
    await server.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def shop(old_server: postgres.Cluster, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A migrated database of an owner without superuser, and its logins; the type `vector` is a substitute."""
    released = [
        replace(one, sql=one.sql.replace("CREATE EXTENSION IF NOT EXISTS vector", "SELECT 1"))
        for one in Migration.released()
    ]
    monkeypatch.setattr(Migration, "released", classmethod(lambda cls: released))
    monkeypatch.setattr(migrations, "_require_pgvector", lambda _: asyncio.sleep(0))
    async with await psycopg.AsyncConnection.connect(old_server.url("postgres"), autocommit=True) as superuser:
        await superuser.execute("CREATE ROLE shop_owner LOGIN CREATEROLE")
        await superuser.execute("CREATE DATABASE shop OWNER shop_owner")
    async with await psycopg.AsyncConnection.connect(old_server.url("shop"), autocommit=True) as superuser:
        await superuser.execute("CREATE DOMAIN vector AS text")
    made = replace(settings, database_url=owner_of(old_server.url("shop")), **PASSWORDS)
    assert await migrate(made.postgres)
    for _ in range(2):
        assert len(await logins.provision(made)) == len(PROCESS_KINDS)
    return made


async def test_logins_and_owner_have_no_rights_without_a_role(old_server: postgres.Cluster, shop: Settings) -> None:
    for kind in ("web", "relay", "worker"):
        await startup.check(shop, kind)
    database = Database(url_of(shop, "web"), role="hummdesk_app", size=1, timeout=30)
    await database.open()
    account = await Account(old_server.url("shop"), database).make()
    async with opened(url_of(shop, "web"), database) as harness:
        assert (await harness.send(account, "agent", "Hello")).created
    await database.close()

    for kind in PROCESS_KINDS:
        async with await psycopg.AsyncConnection.connect(url_of(shop, kind), autocommit=True) as connection:
            with pytest.raises(InsufficientPrivilege):
                await connection.execute("SELECT FROM messages")
            if kind != "operator":
                with pytest.raises(InsufficientPrivilege):
                    await connection.execute("SET ROLE hummdesk_operator")
    async with await psycopg.AsyncConnection.connect(shop.postgres, autocommit=True) as connection:
        assert (await connection.execute("SELECT FROM messages")).rowcount == 0
        await connection.execute("SET ROLE hummdesk_operator")
        assert (await connection.execute("SELECT FROM messages")).rowcount == 1
