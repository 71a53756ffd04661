"""Brings a database to what sql/migrations say, and tells when it is not there."""

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
    """Why the database cannot be migrated, or cannot be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    @classmethod
    def released(cls) -> list[Self]:
        """Those that this version of HummDesk has, in their order."""
        files = sorted((SQL / "migrations").glob("*.sql"))
        return [cls(name=file.stem, sql=file.read_text(encoding="utf-8")) for file in files]


async def migrate(url: str) -> list[str]:
    """Apply what is pending, each in a transaction of its own; the names of what was applied. Raises MigrationError.

    Two that run at once take turns, and the second finds nothing to do.
    """
    async with _connection(url) as connection:
        await queries.take_turn(connection, lock=LOCK)
        todo = await _pending(connection)
        for migration in todo:
            await _apply(connection, migration)
    return [migration.name for migration in todo]


async def pending(url: str) -> list[str]:
    """Names of the migrations that have not been applied. Raises MigrationError for what `migrate` would refuse."""
    async with _connection(url) as connection:
        return [migration.name for migration in await _pending(connection)]


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Transaction]:
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
            _require_server(connection)
            yield connection
    except postgres.InsufficientPrivilege as fault:
        raise MigrationError(
            f"The database's user may not do this ({_line(fault)}): to migrate it must own the database and have "
            "CREATEROLE, and ADMIN OPTION on the roles called hummdesk_… where they exist"
        ) from fault
    except psycopg.Error as fault:
        raise MigrationError(f"PostgreSQL cannot be used: {_line(fault)}; check DATABASE_URL") from fault


def _require_server(connection: Transaction) -> None:
    version = connection.info.server_version // 10000
    if version < MINIMUM_SERVER:
        raise MigrationError(f"PostgreSQL {version} is too old: HummDesk needs {MINIMUM_SERVER} or later")


async def _pending(connection: Transaction) -> list[Migration]:
    released = Migration.released()
    applied = await _applied(connection)
    _refuse_differences(applied, released)
    return [migration for migration in released if migration.name not in applied]


async def _applied(connection: Transaction) -> dict[str, str]:
    """Checksums of the applied migrations by name."""
    state = await queries.state(connection)
    if state["ours"]:
        return {row["name"]: row["checksum"] async for row in queries.applied(connection)}
    if state["tables"]:
        raise MigrationError(
            f"Database {connection.info.dbname!r} has tables of something else ({', '.join(state['tables'][:5])}): "
            "name an empty database"
        )
    return {}


def _refuse_differences(applied: dict[str, str], released: list[Migration]) -> None:
    known = {migration.name: migration.checksum for migration in released}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationError(f"Migration {name} comes from another version of HummDesk: start that version")
        if known[name] != checksum:
            raise MigrationError(f"Migration {name} was edited after it had been applied: restore the released file")


async def _apply(connection: Transaction, migration: Migration) -> None:
    if "CREATE EXTENSION" in migration.sql:
        await _require_pgvector(connection)
    async with connection.transaction():
        await queries.create_table(connection)
        await connection.execute(migration.sql.encode())
        await queries.note(connection, name=migration.name, checksum=migration.checksum)


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
    except postgres.InsufficientPrivilege as fault:
        raise MigrationError(
            f"The database's user may not add pgvector to database {connection.info.dbname!r}: have a superuser run "
            "`CREATE EXTENSION vector` there, once"
        ) from fault


def _line(fault: psycopg.Error) -> str:
    """The driver's message without the lines that PostgreSQL adds for its own context."""
    return str(fault).strip().splitlines()[0]
