import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import conversations, messages, migrations
from hummdesk.storage.conversations import Filter
from hummdesk.storage.database import Database
from hummdesk.storage.migration_files import Migration, MigrationError
from hummdesk.storage.migrations import migrate, pending
from hummdesk.storage.queries import SQL
from tests.integration.storage.desk import ROLES

NAMES = sorted(path.stem for path in (SQL / "migrations").glob("*.sql"))


async def execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())


def release(monkeypatch: pytest.MonkeyPatch, *released: Migration) -> None:
    """Replace the released migrations."""
    monkeypatch.setattr(Migration, "released", classmethod(lambda cls: list(released)))


async def refused(url: str) -> str:
    """The error message of `migrate` and `pending`: the same, in one line."""
    with pytest.raises(MigrationError) as fault:
        await migrate(url)
    with pytest.raises(MigrationError) as same:
        await pending(url)
    assert str(fault.value) == str(same.value)
    assert "\n" not in str(fault.value)
    return str(fault.value)


async def test_migrate_empty_database_applies_all_migrations_once(empty_database_url: str) -> None:
    assert await pending(empty_database_url) == NAMES
    assert await migrate(empty_database_url) == NAMES
    assert await pending(empty_database_url) == []
    assert await migrate(empty_database_url) == []


async def test_pending_changes_nothing(empty_database_url: str) -> None:
    await pending(empty_database_url)
    async with await psycopg.AsyncConnection.connect(empty_database_url) as connection:
        cursor = await connection.execute("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert cursor.rowcount == 0


async def test_two_concurrent_migrations_run_one_after_the_other(empty_database_url: str) -> None:
    applied = await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url))
    assert sorted(applied) == [[], NAMES]


async def test_new_migration_is_pending(fresh_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Migration(name="9999_new", sql="CREATE TABLE new (account_id uuid)")
    release(monkeypatch, *Migration.released(), new)
    assert await pending(fresh_database_url) == ["9999_new"]
    assert await migrate(fresh_database_url) == ["9999_new"]
    assert await pending(fresh_database_url) == []


async def test_edited_migration_is_refused(fresh_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = Migration.released()
    edited = Migration(name=first.name, sql=first.sql + "-- edited")
    release(monkeypatch, edited, *rest, Migration(name="9999_new", sql="CREATE TABLE new ()"))
    assert f"{first.name} was edited" in await refused(fresh_database_url)


async def test_database_of_newer_version_is_refused_unless_it_is_compatible(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Migration.released()
    compatible = Migration(name="9998_new", sql=f"-- compatible from: {ours[-1].name[:4]}\nCREATE TABLE new ()")
    release(monkeypatch, *ours, compatible)
    assert await migrate(fresh_database_url) == ["9998_new"]
    release(monkeypatch, *ours)
    assert await migrate(fresh_database_url) == []
    release(monkeypatch, *ours, compatible, Migration(name="9999_newer", sql="CREATE TABLE newer ()"))
    assert await migrate(fresh_database_url) == ["9999_newer"]
    release(monkeypatch, *ours)
    assert "9999_newer comes from another version of HummDesk" in await refused(fresh_database_url)


async def test_failing_migration_keeps_those_before_it(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Migration(name="1", sql="CREATE TABLE good (account_id uuid)")
    broken = Migration(name="2", sql="CREATE TABLE half (account_id uuid); SELECT 1 / 0")
    release(monkeypatch, good, broken)
    with pytest.raises(MigrationError, match="division by zero"):
        await migrate(empty_database_url)
    assert await pending(empty_database_url) == ["2"]
    release(monkeypatch, good, Migration(name="2", sql="CREATE TABLE half (account_id uuid)"))
    assert await migrate(empty_database_url) == ["2"]


@pytest.mark.parametrize("table", ["posts (id int)", "schema_migrations (version text)"])
async def test_database_with_other_tables_is_refused_and_unchanged(empty_database_url: str, table: str) -> None:
    await execute(empty_database_url, f"CREATE TABLE {table}")
    message = await refused(empty_database_url)
    assert table.split()[0] in message
    assert "name an empty database" in message


async def test_database_with_tables_of_an_extension_is_migrated(empty_database_url: str) -> None:
    await execute(empty_database_url, "CREATE EXTENSION pg_stat_statements")
    assert await migrate(empty_database_url) == NAMES


async def test_old_server_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "MINIMUM_SERVER", 99)
    assert "is too old: HummDesk needs 99 or later" in await refused(empty_database_url)


@pytest.mark.parametrize(
    "url", ["postgresql://me@127.0.0.1:1/x", "postgresql://me@127.0.0.1:port/x", "postgresql://h/x?nonsense=1"]
)
async def test_unreachable_server_is_reported_in_one_line(url: str) -> None:
    assert "check DATABASE_URL" in await refused(url)


async def test_owner_without_privileges_is_refused_with_what_to_grant(
    template: str, empty_database_url: str, owner: str
) -> None:
    url = psycopg.conninfo.make_conninfo(empty_database_url, user=owner)
    assert await pending(url) == NAMES
    with pytest.raises(MigrationError, match="CREATEROLE, and ADMIN OPTION on the roles called hummdesk_"):
        await migrate(url)
    assert await pending(url) == NAMES


async def test_owner_without_superuser_can_migrate_and_serve(
    servers: Any, template: str, empty_database_url: str, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = psycopg.conninfo.make_conninfo(empty_database_url, user=owner)
    roles = sql.SQL(", ").join(sql.Identifier(f"hummdesk_{role}") for role in ROLES)
    await servers.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(roles, sql.Identifier(owner)))
    with pytest.raises(MigrationError, match="have a superuser run `CREATE EXTENSION vector` there, once"):
        await migrate(url)
    await execute(empty_database_url, "CREATE EXTENSION vector")
    before = [name for name in NAMES if name < "0014_passages"]
    released = Migration.released()
    first = [one for one in released if one.name < "0108"]
    release(monkeypatch, *first)
    assert await migrate(url) == NAMES[len(before) : len(first)], "those before it are kept"
    release(monkeypatch, *released)
    assert await migrate(url) == NAMES[len(first) :], "in another session, which has not loaded pg_trgm"

    operator = Database(url, role="hummdesk_operator", size=1, timeout=20)
    app = Database(url, role="hummdesk_app", size=1, timeout=20)
    await operator.open()
    await app.open()
    customer = Person(account_id=new_id(), id=new_id(), email="c@example.com", name="C", role="customer")
    async with operator.all_accounts() as tx:
        await tx.execute("INSERT INTO accounts VALUES (%s, 'A')", (customer.account_id,))
        await tx.execute("INSERT INTO contacts VALUES (%s, %s, 'c', 'C')", (customer.account_id, customer.id))
    async with app.account(customer.account_id) as tx:
        started, _ = await conversations.start(tx, contact=customer, subject=None, metadata={}, client_message_id=None)
        new = messages.NewMessage(conversation_id=started, content="Hello")
        assert (await messages.send(tx, sender=customer, message=new)).created
    async with app.account(customer.account_id) as tx:
        found, _ = await conversations.page(tx, viewer=replace(customer, role="agent"), wanted=Filter(words="ello"))
        assert [one.id for one in found] == [started]
    async with app.account(new_id()) as tx:
        cursor = await tx.execute("SELECT FROM messages")
        assert cursor.rowcount == 0
    await app.close()
    await operator.close()


async def until_copying_pauses(connection: psycopg.AsyncConnection) -> None:
    """Wait until the copying of subjects has given up a conversation that another transaction has locked."""
    async with asyncio.timeout(30):
        while not (
            await connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() "
                "AND query LIKE 'CALL copy_subjects%' AND wait_event = 'PgSleep'"
            )
        ).rowcount:
            await asyncio.sleep(0.01)


async def test_subjects_of_stored_conversations_are_copied_and_follow_changes(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, released = empty_database_url, Migration.released()
    release(monkeypatch, *[one for one in released if one.name < "0187"])
    await migrate(url)
    account, contact = new_id(), new_id()
    stored = [new_id() for _ in range(1_201)]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def subjects() -> dict[Any, str]:
            rows = await connection.execute("SELECT conversation_id, subject FROM conversation_subjects")
            return dict(await rows.fetchall())

        await connection.execute("INSERT INTO accounts (account_id, name) VALUES (%s, 'A')", (account,))
        await connection.execute("INSERT INTO contacts VALUES (%s, %s, 'c', 'C')", (account, contact))
        await connection.execute(
            "INSERT INTO conversations (account_id, id, contact_id, subject) "
            "SELECT %s, id, %s, 'Kettle ' || number FROM unnest(%s::uuid[]) WITH ORDINALITY AS given (id, number)",
            (account, contact, stored),
        )
        release(monkeypatch, *[one for one in released if one.name < "0188"])
        await migrate(url)
        release(monkeypatch, *released)
        async with await psycopg.AsyncConnection.connect(url) as other:
            await other.execute("UPDATE conversations SET subject = 'Toaster' WHERE id = %s", (stored[100],))
            migrating = asyncio.create_task(migrate(url))
            await until_copying_pauses(connection)
            await connection.execute("SELECT FROM conversations WHERE id = %s FOR UPDATE NOWAIT", (stored[51],))
        await migrating
        expected = {id: f"Kettle {number}" for number, id in enumerate(stored, 1)} | {stored[100]: "Toaster"}
        assert await subjects() == expected
        for id, subject in zip(stored, [None, "Teapot"], strict=False):
            await connection.execute("UPDATE conversations SET subject = %s WHERE id = %s", (subject, id))
        left = await subjects()
        assert stored[0] not in left
        assert left[stored[1]] == "Teapot"
        await connection.execute("DELETE FROM conversations WHERE id = %s", (stored[1],))
        assert len(await subjects()) == len(stored) - 2
