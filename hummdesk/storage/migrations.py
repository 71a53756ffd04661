"""Applying the migrations while processes run, and checking that the schema serves this version.

A migration waits for its locks, and holds them, for less time than a message waits to be stored. One that takes longer
is rolled back and retried. Before, it waits for longer until no VACUUM is at work on the tables that it alters, with a
lock that no message waits for: PostgreSQL cancels an autovacuum only for a transaction that has waited for it for
`deadlock_timeout`, a second by default.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg import errors as postgres
from psycopg import sql
from psycopg.rows import dict_row

from hummdesk.storage.addresses import of_primary
from hummdesk.storage.database import CONNECTED_CLASS, Transaction
from hummdesk.storage.driver_errors import first_line
from hummdesk.storage.migration_files import (
    Applied,
    Migration,
    MigrationError,
    require_served,
    require_serves,
    unapplied,
)
from hummdesk.storage.queries import load

log = logging.getLogger(__name__)

queries = load("migrations")

MINIMUM_SERVER = 15
LOCK = 0x68756D6D6465736B  # "hummdesk"
LOCKED_SECONDS = 0.1
"""Interval at which a second `migrate` checks whether the first has ended."""

HOLD_SECONDS = 1.0
"""Longest time in which a migration blocks other transactions: half of the message writer's timeout."""
VACUUM_SECONDS = 30.0
"""Longest wait of an attempt for a VACUUM, or a concurrent build of an index, of its tables."""
ATTEMPTS = 12
BACKOFF_SECONDS = (0.5, 5.0)
"""First and longest delay between attempts. Transactions that the last attempt has blocked end meanwhile."""

RETRIED = (postgres.LockNotAvailable, postgres.QueryCanceled, postgres.DeadlockDetected, TimeoutError)


class Unreachable(MigrationError):
    """PostgreSQL does not answer."""


async def migrate(url: str, *, hold_seconds: float | None = HOLD_SECONDS) -> list[str]:
    """Apply the pending migrations, each in a transaction of its own; return their names. Raises MigrationError.

    `hold_seconds` limits the time in which a transaction waits for locks and holds them; None: without a limit, for a
    database without running processes. Concurrent calls run one after the other, and the second finds nothing to apply.
    """
    async with _connection(url) as connection:
        await _lock(connection)
        applied = await _applied(connection)
        pending = unapplied(applied, Migration.released())
        limit = hold_seconds if applied else None
        if pending:
            oldest = await queries.oldest_connected(connection, connected_class=CONNECTED_CLASS)
            require_serves(pending, oldest["newest_known"])
            await _in_short_transaction(connection, lambda: _create_table(connection), "schema_migrations", limit)
        for migration in pending:
            if applied and not migration.is_transaction:
                await _grant_added(connection, limit)  # it may take long, and backups and erasures go on meanwhile
            await _apply(connection, migration, limit)
        await _grant_added(connection, limit)
        await queries.revoke_temporary(connection)
    return [migration.name for migration in pending]


async def _lock(connection: Transaction) -> None:
    """Lock the database against other migrations, when they have ended."""
    while True:
        if (await queries.lock(connection, lock=LOCK))["locked"]:
            return
        await asyncio.sleep(LOCKED_SECONDS)


async def pending(url: str) -> list[str]:
    """The names of the pending migrations. Raises MigrationError where `migrate` would."""
    async with _connection(url) as connection:
        return [migration.name for migration in unapplied(await _applied(connection), Migration.released())]


async def check(connection: Transaction) -> None:
    """Raise MigrationError unless the schema serves this version; in a role that may read the table of migrations."""
    require_served(await _applied(connection), Migration.released())


async def check_migrated(connection: Transaction) -> None:
    """Raise MigrationError unless the database was ever migrated; in any role."""
    _require_server(connection)
    if not (await queries.state(connection))["ours"]:
        await check(connection)


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Transaction]:
    try:
        address = of_primary(url)
        async with await psycopg.AsyncConnection.connect(address, autocommit=True, row_factory=dict_row) as connection:
            _require_server(connection)
            await _require_direct(connection)
            yield connection
    except postgres.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database's user may not do this ({first_line(error)}): to migrate it must own the database and have "
            "CREATEROLE, and ADMIN OPTION on the roles called hummdesk_… where they exist"
        ) from error
    except psycopg.Error as error:
        if error.sqlstate is not None:
            raise MigrationError(f"PostgreSQL refused a statement: {first_line(error)}") from error
        raise Unreachable(f"PostgreSQL cannot be used: {first_line(error)}; check DATABASE_URL") from error


async def _require_direct(connection: Transaction) -> None:
    """Raise MigrationError behind a pooler: the lock of `migrate` would stay with a connection of the pooler."""
    if (await queries.backend(connection))["pid"] != connection.info.backend_pid:
        raise MigrationError(
            "A pooler is between `migrate` and PostgreSQL: set LISTEN_DATABASE_URL to the address of PostgreSQL itself"
        )


def _require_server(connection: Transaction) -> None:
    version = connection.info.server_version // 10000
    if version < MINIMUM_SERVER:
        raise MigrationError(f"PostgreSQL {version} is too old: HummDesk needs {MINIMUM_SERVER} or later")


async def _applied(connection: Transaction) -> list[Applied]:
    """The applied migrations in order."""
    state = await queries.state(connection)
    if state["ours"]:
        return [Applied(**row) async for row in queries.applied(connection)]
    if state["tables"]:
        raise MigrationError(
            f"Database {connection.info.dbname!r} has tables of something else ({', '.join(state['tables'][:5])}): "
            "name an empty database"
        )
    return []


async def _apply(connection: Transaction, migration: Migration, hold_seconds: float | None) -> None:
    if "CREATE EXTENSION" in migration.sql:
        await _require_pgvector(connection)
    if not migration.is_transaction:
        await _apply_statements(connection, migration)
        await _record(connection, migration)
        return

    async def run() -> None:
        await connection.execute(migration.sql.encode())
        await _record(connection, migration)

    await _in_short_transaction(connection, run, migration.name, hold_seconds, altered=migration.altered)


async def _apply_statements(connection: Transaction, migration: Migration) -> None:
    """Run repeatable statements, and all of them again after a deadlock: a concurrent build waits for transactions.

    An interrupted build leaves an invalid index, which is dropped first.
    """

    async def run() -> None:
        async for row in queries.invalid_indexes(connection, names=migration.indexes):
            await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(row["name"])))
        for statement in migration.statements:
            await connection.execute(statement.encode())

    await _retry(run, migration.name, (postgres.DeadlockDetected,))


async def _create_table(connection: Transaction) -> None:
    await queries.create_table(connection)
    await queries.add_compatible_from(connection)


async def _record(connection: Transaction, migration: Migration) -> None:
    await queries.record(
        connection, name=migration.name, checksum=migration.checksum, compatible_from=migration.compatible_from
    )


async def _grant_added(connection: Transaction, hold_seconds: float | None) -> None:
    """Grant the roles of erasures and backups the tables that migrations have added."""
    await _grant_eraser(connection, hold_seconds)
    await _grant_backup(connection, hold_seconds)


async def _grant_eraser(connection: Transaction, hold_seconds: float | None) -> None:
    """Let the role that erases delete from tables that a migration has added."""
    if (await queries.eraser_is_complete(connection))["complete"]:
        return
    await _in_short_transaction(
        connection, lambda: queries.complete_eraser(connection), "the policies of the eraser", hold_seconds
    )


async def _grant_backup(connection: Transaction, hold_seconds: float | None) -> None:
    """Let the role of backups read tables that a migration has added; policies have no default privileges."""
    if (await queries.backup_is_complete(connection))["complete"]:
        return
    await _in_short_transaction(
        connection, lambda: queries.complete_backup(connection), "the policies of backups", hold_seconds
    )


async def _in_short_transaction(
    connection: Transaction,
    run: Callable[[], Awaitable[None]],
    subject: str,
    hold_seconds: float | None,
    *,
    altered: Sequence[str] = (),
) -> None:
    """Run in a transaction that ends within `hold_seconds`; roll back and retry one that takes longer.

    The time counts from when no VACUUM is at work on the tables in `altered`.
    """

    async def transact() -> None:
        async with asyncio.timeout(None) as limit, connection.transaction():
            if hold_seconds is not None:
                await _lock_against_vacuum(connection, altered)
                limit.reschedule(asyncio.get_running_loop().time() + hold_seconds)
                await queries.limit(connection, lock_timeout=_ms(hold_seconds / 2), timeout=_ms(hold_seconds))
            await run()

    if hold_seconds is None:
        await transact()
        return
    try:
        await _retry(transact, subject, RETRIED)
    except RETRIED as error:
        raise MigrationError(
            f"{subject}: not applied, {ATTEMPTS} attempts of {hold_seconds:g} s failed, beside waits for "
            f"VACUUMs ({first_line(error) if isinstance(error, psycopg.Error) else 'it takes longer'}): end "
            "long transactions and VACUUMs, or stop all processes and run `migrate --offline`"
        ) from error


async def _retry(run: Callable[[], Awaitable[None]], subject: str, retried: tuple[type[Exception], ...]) -> None:
    """Run, at most ATTEMPTS times; raise the last of the failures that are retried."""
    delay, longest = BACKOFF_SECONDS
    for attempt in range(1, ATTEMPTS):
        try:
            await run()
        except retried:
            log.warning("migration.retried", extra={"subject": subject, "attempt": attempt, "seconds": delay})
            await asyncio.sleep(delay)
            delay = min(delay * 2, longest)
        else:
            return
    await run()


async def _lock_against_vacuum(connection: Transaction, tables: Sequence[str]) -> None:
    """Wait until no VACUUM is at work on the tables that exist, and delay others until the transaction ends."""
    existing = [sql.Identifier(row["name"]) async for row in queries.own_tables(connection, names=list(tables))]
    if existing:
        await queries.limit(connection, lock_timeout=_ms(VACUUM_SECONDS), timeout="0")
        lock = sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE")
        await connection.execute(lock.format(sql.SQL(", ").join(existing)))


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


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))
