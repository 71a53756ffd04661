"""What `database_findings` reports of a PostgreSQL that cannot be used as it is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from hummdesk.core import findings
from hummdesk.core.config import Settings
from hummdesk.storage import checks
from hummdesk.storage.checks import database_findings
from hummdesk.storage.logins import name_of
from tests.conftest import Servers
from tests.integration.storage.desk import WITHOUT_PASSWORDS, desk, url_with


@pytest.fixture(scope="module")
async def shop(servers: Servers, template: str, settings: Settings) -> AsyncIterator[Settings]:
    async with desk(servers, settings) as made:
        yield made


async def test_checks_of_a_good_database_find_nothing(shop: Settings) -> None:
    assert await database_findings(shop) == []


async def test_checks_find_a_role_that_bypasses_policies(servers: Servers, shop: Settings) -> None:
    change = sql.SQL("ALTER ROLE hummdesk_writer {}").format
    await servers.execute(change(sql.SQL("BYPASSRLS")))
    try:
        [found] = await database_findings(shop)
    finally:
        await servers.execute(change(sql.SQL("NOBYPASSRLS")))
    assert found.problem == "role hummdesk_writer bypasses row-level security"
    assert found.remedy == "ALTER ROLE hummdesk_writer NOSUPERUSER NOBYPASSRLS"


async def test_checks_find_a_login_that_cannot_take_the_roles(shop: Settings) -> None:
    web = url_with(shop.postgres, user=name_of(shop.postgres, "web"))
    found = await database_findings(replace(shop, database_url=web, db_relay_password=""))
    assert {one.subject for one in found} == {"Role hummdesk_relay", "Role hummdesk_eraser"}
    assert all(one.remedy.startswith("run `python -m hummdesk migrate`") for one in found)


async def test_checks_find_a_server_that_cannot_be_reached(shop: Settings) -> None:
    found = await database_findings(replace(shop, database_url="postgresql://hummdesk@127.0.0.1:1/hummdesk"))
    assert len(found) == 4, "each kind of process has a login of its own"
    assert found[0].problem.startswith("cannot be used: connection")


async def test_checks_find_a_clock_that_differs(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MAX_SKEW_SECONDS", -1.0)
    assert {one.subject for one in await database_findings(shop)} == {"The clocks"}


async def test_checks_find_a_table_without_row_level_security(servers: Servers, shop: Settings) -> None:
    url = servers.cluster.url(database_of(shop))
    await execute(url, "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY")
    try:
        [found] = await database_findings(shop)
    finally:
        await execute(url, "ALTER TABLE messages FORCE ROW LEVEL SECURITY")
    assert str(found).startswith("Table messages: has no row-level security: accounts can read rows of others; ALTER")


async def test_checks_find_missing_and_outdated_extensions(
    servers: Servers, shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = servers.cluster.url(database_of(shop))
    monkeypatch.setattr(checks, "EXTENSIONS", checks.EXTENSIONS.replace("'pg_trgm'", "'dblink', 'none_such'"))
    await execute(url, "UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'vector'")
    try:
        outdated, absent, unknown = await database_findings(shop)
    finally:
        await execute(
            url,
            "UPDATE pg_extension SET extversion = default_version FROM pg_available_extensions "
            "WHERE extname = 'vector' AND name = 'vector'",
        )
    assert str(outdated).startswith("Extension vector: has the version 0.1 in the database, and ")
    assert outdated.remedy == "ALTER EXTENSION vector UPDATE"
    assert str(absent).startswith("Extension dblink: does not exist in the database; CREATE EXTENSION dblink")
    assert str(unknown).startswith("Extension none_such: is not installed on the server; install its package")


async def test_checks_pass_over_logins_whose_password_is_elsewhere(shop: Settings) -> None:
    """As in the container of the operator: it has only its own password, and the server asks for one."""

    async def ask_for_password(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"R\0\0\0\x08\0\0\0\x03")  # AuthenticationCleartextPassword
        await reader.read(1024)
        writer.close()

    async with await asyncio.start_server(ask_for_password, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://desk@127.0.0.1:{port}/desk?sslmode=disable&gssencmode=disable"
        without = replace(shop, database_url=url, **WITHOUT_PASSWORDS)
        [of_operator] = await database_findings(replace(without, db_operator_password="the operator's"))
        [of_all] = await database_findings(without)
    assert of_operator.subject == "PostgreSQL for operator"
    assert of_all.subject == "PostgreSQL for web, relay, worker, operator"


async def test_checks_of_an_address_that_libpq_cannot_read_name_the_setting(shop: Settings) -> None:
    [found] = await database_findings(replace(shop, database_url="postgresql://127.0.0.1/desk?nonsense=1"))
    assert (found.subject, found.is_fatal) == ("DATABASE_URL", True)


async def test_checks_find_pending_migrations(servers: Servers, shop: Settings) -> None:
    url = servers.cluster.url(database_of(shop))
    await execute(
        url, "UPDATE schema_migrations SET name = 'x' || name WHERE name = (SELECT max(name) FROM schema_migrations)"
    )
    try:
        found = await database_findings(shop)
    finally:
        await execute(url, "UPDATE schema_migrations SET name = substr(name, 2) WHERE name LIKE 'x%'")
    assert {one.subject for one in found} == {"The schema"}


def database_of(shop: Settings) -> str:
    return name_of(shop.postgres, "web").removesuffix("_web_login")


async def execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())
