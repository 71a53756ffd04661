"""Applying the migrations in sql/migrations, and checking that none is pending."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import psycopg
from psycopg import errors as postgres
from psycopg.rows import dict_row

from hummdesk.core.errors import CommandError
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import SQL, load

queries = load("migrations")

MINIMUM_SERVER = 15
LOCK = 0x68756D6D6465736B  # "hummdesk"


class MigrationError(CommandError):
    """The database cannot be migrated, or its schema does not fit this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    @classmethod
    def released(cls) -> list[Self]:
        """The migrations of this version of HummDesk, in order."""
        files = sorted((SQL / "migrations").glob("*.sql"))
        return [cls(name=file.stem, sql=file.read_text(encoding="utf-8")) for file in files]


async def migrate(url: str) -> list[str]:
    """Apply the pending migrations, each in a transaction of its own; return their names. Raises MigrationError.

    Concurrent calls run one after the other, and the second finds nothing to apply.
    """
    async with _connection(url) as connection:
        await queries.lock(connection, lock=LOCK)
        applied = await _pending(connection)
        for migration in applied:
            await _apply(connection, migration)
    return [migration.name for migration in applied]


async def pending(url: str) -> list[str]:
    """The names of the pending migrations. Raises MigrationError where `migrate` would."""
    async with _connection(url) as connection:
        return [migration.name for migration in await _pending(connection)]


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Transaction]:
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
            _require_server(connection)
            yield connection
    except postgres.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database's user may not do this ({_line(error)}): to migrate it must own the database and have "
            "CREATEROLE, and ADMIN OPTION on the roles called hummdesk_… where they exist"
        ) from error
    except psycopg.Error as error:
        raise MigrationError(f"PostgreSQL cannot be used: {_line(error)}; check DATABASE_URL") from error


def _require_server(connection: Transaction) -> None:
    version = connection.info.server_version // 10000
    if version < MINIMUM_SERVER:
        raise MigrationError(f"PostgreSQL {version} is too old: HummDesk needs {MINIMUM_SERVER} or later")


async def _pending(connection: Transaction) -> list[Migration]:
    released = Migration.released()
    return unapplied(await _applied(connection), released)


async def _applied(connection: Transaction) -> dict[str, str]:
    """The checksums of the applied migrations by name."""
    state = await queries.state(connection)
    if state["ours"]:
        return {row["name"]: row["checksum"] async for row in queries.applied(connection)}
    if state["tables"]:
        raise MigrationError(
            f"Database {connection.info.dbname!r} has tables of something else ({', '.join(state['tables'][:5])}): "
            "name an empty database"
        )
    return {}


def unapplied(applied: dict[str, str], released: list[Migration]) -> list[Migration]:
    """The released migrations that are not applied. Raises MigrationError if applied ones differ from the released."""
    known = {migration.name: migration.checksum for migration in released}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationError(f"Migration {name} comes from another version of HummDesk: start that version")
        if known[name] != checksum:
            raise MigrationError(f"Migration {name} was edited after it had been applied: restore the released file")
    return [migration for migration in released if migration.name not in applied]


async def _apply(connection: Transaction, migration: Migration) -> None:
    if "CREATE EXTENSION" in migration.sql:
        await _require_pgvector(connection)
    async with connection.transaction():
        await queries.create_table(connection)
        await connection.execute(migration.sql.encode())
        await queries.record(connection, name=migration.name, checksum=migration.checksum)


async def _require_pgvector(connection: Transaction) -> None:
    state = await queries.pgvector(connection)
    if state["installed"]:
        return
    if not state["available"]:
        raise MigrationError(
            "This PostgreSQL has no pgvector: install its package, such as postgresql-18-pgvector, or use an image "
            "that has it, such as pgvector/pgvector:pg18"
        )
    try:
        await queries.add_pgvector(connection)
    except postgres.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database's user may not add pgvector to database {connection.info.dbname!r}: have a superuser run "
            "`CREATE EXTENSION vector` there, once"
        ) from error


def _line(error: psycopg.Error) -> str:
    """The first line of the driver's message, without the context that PostgreSQL adds."""
    return str(error).strip().splitlines()[0]
