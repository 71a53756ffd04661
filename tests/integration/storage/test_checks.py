"""What `database_findings` reports of a PostgreSQL that cannot be used as it is."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.config import Settings
from hummdesk.storage import checks
from hummdesk.storage.checks import database_findings
from hummdesk.storage.logins import name_of
from tests.conftest import Servers
from tests.integration.storage.desk import desk, url_with


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
    monkeypatch.setattr(checks, "MAX_SKEW_SECONDS", -1.0)
    assert {one.subject for one in await database_findings(shop)} == {"The clocks"}


async def test_checks_find_pending_migrations(servers: Servers, shop: Settings) -> None:
    url = servers.cluster.url(name_of(shop.postgres, "web").removesuffix("_web_login"))
    await execute(
        url, "UPDATE schema_migrations SET name = 'x' || name WHERE name = (SELECT max(name) FROM schema_migrations)"
    )
    try:
        found = await database_findings(shop)
    finally:
        await execute(url, "UPDATE schema_migrations SET name = substr(name, 2) WHERE name LIKE 'x%'")
    assert {one.subject for one in found} == {"The schema"}


async def execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())
