"""Each kind of process has a login that may take its roles and has no rights without one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from hummdesk.core.config import PROCESS_KINDS, ProcessKind, Settings
from hummdesk.core.errors import CommandError, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.storage import logins, startup
from hummdesk.storage.database import Database
from hummdesk.storage.logins import name_of, url_of
from hummdesk.storage.migration_files import MigrationError
from hummdesk.storage.migrations import Unreachable, migrate
from hummdesk.storage.role import RoleError
from tests.conftest import Servers
from tests.integration.storage.conftest import Account, WriterHarness, opened
from tests.integration.storage.desk import ROLES, WITHOUT_PASSWORDS, desk, owned, owner_of

TABLES = ("accounts", "users", "contacts", "conversations", "messages", "ai_runs", "outbox", "schema_migrations")
STARTED: tuple[ProcessKind, ...] = ("web", "relay", "worker")


@pytest.fixture(scope="module")
async def shop(servers: Servers, template: str, settings: Settings) -> AsyncIterator[Settings]:
    async with desk(servers, settings) as made:
        yield made


@pytest.fixture
async def populated(servers: Servers, shop: Settings) -> AsyncIterator[Account]:
    """An account, through the login of web processes."""
    database = Database(url_of(shop, "web"), role="hummdesk_app", size=2, timeout=20)
    await database.open()
    name = psycopg.conninfo.conninfo_to_dict(shop.postgres)["dbname"]
    account = await Account(servers.cluster.url(str(name)), database).make()
    await account.send(account.customer, "Where is my order?")
    yield account
    await database.close()


async def seen(url: str, *statements: str) -> dict[str, Any]:
    """The number of rows of each table, or the name of the error, after these statements on a plain connection."""
    found: dict[str, Any] = {}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement.encode())
        for table in TABLES:
            try:
                cursor = await connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
                found[table] = cursor.rowcount
            except InsufficientPrivilege as error:
                found[table] = type(error).__name__
    return found


async def test_owner_without_a_role_sees_no_row_of_an_account(populated: Account, shop: Settings) -> None:
    """As behind a pooler that discards start-up parameters: the owner used to inherit the rights of the operator."""
    found = await seen(shop.postgres)
    assert found.pop("schema_migrations") > 0
    assert found == dict.fromkeys(found, 0)


@pytest.mark.parametrize("kind", PROCESS_KINDS)
@pytest.mark.parametrize("statement", ["SELECT", "RESET ROLE", "SET ROLE NONE", "SET row_security = off"])
async def test_login_without_a_role_reads_no_table(
    populated: Account, shop: Settings, kind: ProcessKind, statement: str
) -> None:
    assert await seen(url_of(shop, kind), statement) == dict.fromkeys(TABLES, "InsufficientPrivilege")


@pytest.mark.parametrize("kind", PROCESS_KINDS)
async def test_login_can_take_its_own_roles_only(shop: Settings, kind: ProcessKind) -> None:
    own = psycopg.conninfo.conninfo_to_dict(shop.postgres)["user"]
    taken = []
    async with await psycopg.AsyncConnection.connect(url_of(shop, kind), autocommit=True) as connection:
        for role in [*(f"hummdesk_{role}" for role in ROLES), str(own), "hummdesk"]:
            try:
                await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
                taken.append(role)
            except InsufficientPrivilege:
                pass
    # A worker's role contains that of one account.
    assert sorted(taken) == sorted({*logins.ROLES[kind], *(["hummdesk_app"] if kind == "worker" else [])})


@pytest.mark.parametrize("kind", PROCESS_KINDS)
async def test_login_creates_no_temporary_table(shop: Settings, kind: ProcessKind) -> None:
    async with await psycopg.AsyncConnection.connect(url_of(shop, kind), autocommit=True) as connection:
        for role in ("NONE", *logins.ROLES[kind]):
            await connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(InsufficientPrivilege, match="permission denied to create temporary tables"):
                await connection.execute("CREATE TEMP TABLE messages ()")


@pytest.mark.parametrize("kind", PROCESS_KINDS)
async def test_login_has_no_attributes_and_a_hashed_password(
    populated: Account, shop: Settings, kind: ProcessKind
) -> None:
    found = await populated.execute(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit, rolcanlogin, "
        "rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = %(name)s",
        name=name_of(shop.postgres, kind),
    )
    assert found == [(False, True, True)]


async def test_provision_again_changes_the_password_and_keeps_the_login(populated: Account, shop: Settings) -> None:
    query = "SELECT oid, rolpassword FROM pg_authid WHERE rolname = %(name)s"
    name = name_of(shop.postgres, "relay")
    (before,) = await populated.execute(query, name=name)
    assert len(await logins.provision(replace(shop, db_relay_password="another"))) == len(PROCESS_KINDS)
    (after,) = await populated.execute(query, name=name)
    assert (after[0], after[1] == before[1]) == (before[0], False)


async def test_provision_by_a_process_login_is_refused_with_what_it_needs(shop: Settings) -> None:
    with pytest.raises(MigrationError, match=r"may not create logins .* it needs CREATEROLE"):
        await logins.provision(replace(shop, database_url=url_of(shop, "web")))


async def test_processes_with_their_own_logins_work(populated: Account, shop: Settings) -> None:
    for kind in STARTED:
        await startup.check(shop, kind)
    async with opened(url_of(shop, "web"), populated.app) as harness:
        assert (await send(harness, populated)).created
    async with AsyncExitStack() as stack:
        for kind, role in (("relay", "hummdesk_relay"), ("worker", "hummdesk_worker")):
            database = Database(url_of(shop, kind), role=role, size=1, timeout=20, pipelined=True)  # type: ignore[arg-type]
            await database.open()
            stack.push_async_callback(database.close)
            async with database.accounts([populated.id]) as tx:
                cursor = await tx.execute("SELECT account_id FROM ai_runs")
                found = {row["account_id"] async for row in cursor}
                assert populated.id in found
                assert found == {populated.id} or kind == "relay", "all accounts"


async def send(harness: WriterHarness, account: Account) -> Any:
    return await harness.send(account, "agent", "It is on its way.")


async def test_deployment_with_a_single_login_keeps_working(populated: Account, shop: Settings) -> None:
    """That of DB_USER, the database's owner, as in version 0.1.0."""
    single = replace(shop, **WITHOUT_PASSWORDS)
    for kind in STARTED:
        assert url_of(single, kind) == shop.postgres
        await startup.check(single, kind)
    database = Database(shop.postgres, role="hummdesk_app", size=1, timeout=20)
    await database.open()
    async with opened(shop.postgres, database) as harness:
        assert (await send(harness, populated)).created
    async with database.account(new_id()) as tx:
        assert (await tx.execute("SELECT FROM messages")).rowcount == 0
    await database.close()


async def test_connection_that_cannot_take_its_role_is_unavailable(
    shop: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(url_of(shop, "web"), role="hummdesk_operator", size=1, timeout=20)
    await database.open()
    with pytest.raises(Unavailable) as refused:
        await database.check()
    await database.close()
    listening = asyncio.ensure_future(anext(database.listen("hummdesk_people")))
    async with asyncio.timeout(20):
        while caplog.messages.count("database.role_refused") < 2:
            await asyncio.sleep(0.01)
    assert not listening.done()
    listening.cancel()
    await asyncio.wait([listening])
    assert isinstance(refused.value.__cause__, RoleError)
    assert "cannot take role hummdesk_operator" in str(refused.value.__cause__)


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
async def test_role_that_bypasses_policies_is_refused_by_every_connection(
    servers: Servers, shop: Settings, populated: Account, attribute: str
) -> None:
    change = sql.SQL("ALTER ROLE {} {}")
    roles = [sql.Identifier(role) for role in ("hummdesk_app", "hummdesk_writer")]
    databases = [
        Database(url_of(shop, "web"), role="hummdesk_app", size=1, timeout=20, pipelined=pipelined)
        for pipelined in (False, True)
    ]
    async with opened(url_of(shop, "web"), populated.app) as harness:
        for role in roles:
            await servers.execute(change.format(role, sql.SQL(attribute)))
        try:
            with pytest.raises(CommandError, match="hummdesk_app bypasses row-level security"):
                await startup.check(shop, "web")
            for database in databases:
                await database.open()
                with pytest.raises(Unavailable) as refused:
                    await database.check()
                assert "bypasses row-level security" in str(refused.value.__cause__)
                await database.close()
            with pytest.raises(Unavailable) as refused:
                await send(harness, populated)
            assert "bypasses row-level security" in str(refused.value.__cause__)
        finally:
            for role in roles:
                await servers.execute(change.format(role, sql.SQL(f"NO{attribute}")))


async def test_check_without_postgresql_is_distinguished(shop: Settings, caplog: pytest.LogCaptureFixture) -> None:
    gone = replace(shop, database_url="postgresql://desk@127.0.0.1:1/desk")
    with pytest.raises(Unreachable, match="PostgreSQL cannot be used"):
        await startup.check(gone, "relay")
    await startup.check_if_reachable(gone, "relay")
    assert "database.unreachable" in caplog.messages


async def test_check_with_pending_migrations_is_refused(servers: Servers, template: str, settings: Settings) -> None:
    async with owned(servers) as url:
        empty = replace(settings, database_url=owner_of(url))
        with pytest.raises(CommandError, match="migrations are pending: run"):
            await startup.check(empty, "relay")
        assert await migrate(empty.postgres)
        await startup.check(empty, "relay")


async def test_search_is_not_misled_by_temporary_tables(populated: Account) -> None:
    async with await psycopg.AsyncConnection.connect(populated.url) as connection:
        await connection.execute("CREATE TEMP TABLE messages AS SELECT * FROM public.messages WITH NO DATA")
        await connection.execute("CREATE TEMP TABLE conversations (LIKE public.conversations)")
        await connection.execute("GRANT SELECT ON pg_temp.messages, pg_temp.conversations TO hummdesk_search")
        await connection.execute("SET LOCAL ROLE hummdesk_app")
        await connection.execute("SELECT set_config('app.account_id', %s, true)", (str(populated.id),))
        found = await connection.execute("SELECT search_conversations('order', 10)")
        assert await found.fetchall() == [(populated.conversation,)]


async def test_each_function_with_the_rights_of_its_owner_looks_for_temporary_objects_last(populated: Account) -> None:
    found = await populated.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert found
    for name, settings in found:
        assert "search_path=pg_catalog, public, pg_temp" in settings, name
