"""A dump by the role of backups, restored on another server as docs/backup.md says."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.dev import demo, postgres
from hummdesk.dev.home import make
from hummdesk.storage import logins, startup
from hummdesk.storage.database import Database
from hummdesk.storage.logins import url_of
from hummdesk.storage.migrations import migrate
from tests.conftest import Servers
from tests.integration.storage.conftest import Account, opened
from tests.integration.storage.desk import desk, owner_of
from tests.integration.storage.test_schema import describe

PARENTHESES = str.maketrans("", "", "()")
DUMP = ("--enable-row-security", "--role=hummdesk_backup", "--format=custom")


async def run(cluster: postgres.Cluster, program: str, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Run a program of PostgreSQL; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(cluster.binaries / program),
        *arguments,
        env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


def database_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


async def rows(url: str) -> dict[str, tuple[int, str]]:
    """The number and a hash of the rows of each table, as superuser."""
    found = {}
    async with await psycopg.AsyncConnection.connect(url) as connection:
        tables = await connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        for (table,) in await tables.fetchall():
            query = sql.SQL("SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {} AS t")
            row = await (await connection.execute(query.format(sql.Identifier(table)))).fetchone()
            assert row is not None
            found[table] = row
    return found


async def schema(url: str) -> dict[str, set[str]]:
    """The catalogs, without parentheses: a restored expression has those that its text had."""
    return {name: {str(row).translate(PARENTHESES) for row in found} for name, found in (await describe(url)).items()}


@pytest.fixture(scope="module")
async def shop(servers: Servers, template: str, settings: Settings) -> AsyncIterator[Settings]:
    """A deployment with the demo data, and a message that was just sent."""
    async with desk(servers, settings) as made:
        await demo.load(made, accounts=2)
        database = Database(url_of(made, "web"), role="hummdesk_app", size=1, timeout=20)
        await database.open()
        superuser = servers.cluster.url(database_of(made.postgres))
        account = await Account(superuser, database).make()
        async with opened(url_of(made, "web"), database) as harness:
            await harness.send(account, "agent", "Réponse\n'quoted' \\ 客服 🙂")
        await database.close()
        yield made


@pytest.fixture
async def elsewhere(home: Path) -> AsyncIterator[postgres.Cluster]:
    """Another server, without any role of HummDesk."""
    make(home)
    cluster = await postgres.prepare(home)
    process = await postgres.start(cluster, home, durable=False)
    yield cluster
    await process.stop()
    cluster.tidy()


async def test_ordinary_dump_by_the_owner_is_refused(servers: Servers, shop: Settings) -> None:
    code, _, errors = await run(servers.cluster, "pg_dump", "--dbname", shop.postgres)
    assert code != 0
    assert "row-level security policy" in errors


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM messages", "UPDATE users SET role = 'admin'", "INSERT INTO outbox (account_id) VALUES (NULL)"],
)
async def test_role_of_backups_changes_nothing(shop: Settings, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url_of(shop, "backup"), autocommit=True) as connection:
        await connection.execute("SET ROLE hummdesk_backup")
        with pytest.raises(InsufficientPrivilege):
            await connection.execute(statement.encode())


async def test_dump_restored_on_another_server_has_every_row_and_the_same_schema(
    servers: Servers, shop: Settings, elsewhere: postgres.Cluster
) -> None:
    code, dump, errors = await run(servers.cluster, "pg_dump", *DUMP, "--dbname", url_of(shop, "backup"))
    assert (code, errors) == (0, "")
    source = servers.cluster.url(database_of(shop.postgres))
    target = await new_server(elsewhere, database_of(shop.postgres), shop)
    restore = ("--exit-on-error", "--dbname", elsewhere.url(database_of(target.postgres)))
    code, _, errors = await run(elsewhere, "pg_restore", *restore, stdin=dump)
    assert (code, errors) == (0, "")
    assert await migrate(target.postgres) == []
    await logins.provision(target)

    restored = elsewhere.url(database_of(target.postgres))
    before, after = await rows(source), await rows(restored)
    assert before == after
    assert {table for table, (number, _) in before.items() if number} >= {"messages", "knowledge_articles", "outbox"}
    assert await schema(source) == await schema(restored)
    for kind in ("web", "relay", "worker"):
        await startup.check(target, kind)
    database = Database(url_of(target, "web"), role="hummdesk_app", size=1, timeout=20)
    await database.open()
    async with database.account(new_id()) as tx:
        assert (await tx.execute("SELECT FROM messages")).rowcount == 0
    await database.close()


async def new_server(cluster: postgres.Cluster, name: str, shop: Settings) -> Settings:
    """Create the owner, the roles and the logins on a new server, and leave the database empty."""
    owner, database = sql.Identifier(f"{name}_owner"), sql.Identifier(name)
    made = replace(shop, database_url=owner_of(cluster.url(name)))
    async with await psycopg.AsyncConnection.connect(cluster.url("postgres"), autocommit=True) as superuser:
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(database, owner)
        await superuser.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(owner))
        await superuser.execute(create)
        async with await psycopg.AsyncConnection.connect(cluster.url(name), autocommit=True) as connection:
            await connection.execute("CREATE EXTENSION vector")
        assert await migrate(made.postgres)
        await logins.provision(made)
        await superuser.execute(sql.SQL("DROP DATABASE {}").format(database))
        await superuser.execute(create)
    return made
