"""A pool of connections to PostgreSQL whose transactions see a single account."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import LockNotAvailable, QueryCanceled, ReadOnlySqlTransaction
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.core.config import Settings
from hummdesk.core.epochs import Epochs
from hummdesk.storage import round_trip
from hummdesk.storage.addresses import of_primary
from hummdesk.storage.driver_errors import translated
from hummdesk.storage.logins import url_of
from hummdesk.storage.migration_files import newest
from hummdesk.storage.reader import reader
from hummdesk.storage.role import Role, RoleConnection, RoleError, StandbyError, opening
from hummdesk.storage.round_trip import Row, Statement

log = logging.getLogger(__name__)

Transaction = psycopg.AsyncConnection[dict[str, Any]]
T = TypeVar("T")
Step = Callable[[RoleConnection], Awaitable[T]]

RECONNECT_SECONDS = 2.0
"""After this the pool gives up a connection and makes a new one with the next request. Its own backoff doubles without
limit: it would stay disconnected long after PostgreSQL is available again."""

LISTEN_BACKOFF_SECONDS = (0.1, 2.0)
"""First and longest delay before `listen` reconnects."""
POLL_SECONDS = 5.0
"""Interval at which tables are read where a pooler does not pass notifications."""

ABORT_MARGIN_SECONDS = 1.0

GENERIC_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
"""For statements of several steps, which take longer to plan than to run. A plan may have been made while the tables
were small; even then it must not scan a whole table, nor sort rows that an index has in order."""
PLAN_SECONDS = 5.0
"""Lifetime of plans while the database changes. A plan made for a handful of open AI runs reads all of them for each
run once thousands wait, and autovacuum updates the statistics only after a minute."""
IDLE_SECONDS = 600.0
"""The pool closes one of the connections that it had to spare for so long."""
PLANNED_IDLE_SECONDS = 20.0
"""The same for connections that keep plans: the pool uses them in turn, so that each plans all statements again."""
DISCARD = "DISCARD PLANS"
NOT_DURABLE = {"synchronous_commit": "off"}
SHARED_SECONDS = 0.005
"""A statement waits for others to share its round trip: timers that are due at a time do not wake in one tick."""

NO_PRIMARY = (StandbyError, ReadOnlySqlTransaction)
"""The server accepts no changes, or no longer: a failover has made it a standby."""

TIMEOUTS = (QueryCanceled, LockNotAvailable)
"""A statement, or its wait for a lock, has taken longer than the timeout."""

LISTENING = ("", "")

CONNECTED_CLASS = 0x68756D6D  # "humm"
CONNECTED = "SELECT pg_advisory_lock_shared(%s, %s)"
"""A process shows the newest migration that it knows by a lock, which `migrate` reads and nobody waits for: the columns
of pg_stat_activity are hidden from other logins."""


class PipelinedConnection(RoleConnection):
    """A connection that keeps the plans of its statements for PLAN_SECONDS, and for longer while nothing is written."""

    _planned_at = _used_at = float("-inf")
    _planned_after = ""

    def has_old_plans(self, written: str) -> bool:
        """Whether its plans are older than PLAN_SECONDS and than a change; the caller must discard them now.

        `written` is the state of the database when the process last read it. It says nothing about a connection that
        was not used for PLAN_SECONDS, or whose last statement took as long and failed.
        """
        now = monotonic()
        is_known = now - self._used_at <= PLAN_SECONDS
        self._used_at = now
        is_current = (is_known and written == self._planned_after) or now - self._planned_at <= PLAN_SECONDS
        if is_current or self.prepare_threshold is None:
            return False
        self._planned_at, self._planned_after = now, written
        return True


class Database:
    """A pool of connections whose transactions have `role` and see the rows that row-level security leaves to it.

    A connection that cannot take the role, or whose role bypasses row-level security, is refused as Unavailable.
    `timeout`, in seconds, limits the wait for a connection, for a lock and for a statement, each. `pipelined` is for
    callers that retry: a connection that was lost while idle fails a transaction, a transaction of one statement takes
    two round trips, and the number of changed rows is not available, only the rows that a statement returns.
    `listen_url` is an address without a pooler; without it, `listen` reads at intervals behind a pooler. `epochs` is
    notified of the epoch of each server before a transaction begins there, behind a pooler before it ends.
    """

    def __init__(
        self,
        url: str,
        *,
        role: Role,
        size: int,
        timeout: float,
        pipelined: bool = False,
        listen_url: str = "",
        epochs: Epochs | None = None,
    ) -> None:
        self._role = role
        self._timeout = timeout
        self._pipelined = pipelined
        self._settings = GENERIC_PLANS if pipelined else {}
        self._openings: dict[tuple[bool, tuple[str, ...]], str] = {}
        """The statements that begin transactions, by whether they read the epoch, and their parameters."""
        self._written = ""
        """Which transactions had written something when a pipelined one began."""
        self._epochs = epochs
        self._shared = reader(
            partial(self._run_once, {"app.account_id": ""}), seconds=SHARED_SECONDS, isolate=_is_of_a_statement
        )
        self._listening: RoleConnection | None = None
        if epochs is not None:
            epochs.subscribe(self._listen_again)
        self._listens = bool(listen_url)
        self._listen_conninfo = connection_string(listen_url or url, role=role, timeout=timeout)
        self._drained_at = float("-inf")
        self._pool: AsyncConnectionPool[RoleConnection] = AsyncConnectionPool(
            connection_string(url, role=role, timeout=timeout),
            kwargs={"row_factory": dict_row} | ({"prepare_threshold": 0} if pipelined else {}),
            connection_class=PipelinedConnection if pipelined else RoleConnection,
            min_size=1,
            max_size=size,
            timeout=timeout,
            max_idle=PLANNED_IDLE_SECONDS if pipelined else IDLE_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name=role,
        )

    async def open(self) -> None:
        """Start connecting, without waiting for it, so that a process can start while PostgreSQL is down."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    def account(self, account_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees the rows of this account; it commits at the end and rolls back on any exception.

        Raises Unavailable if PostgreSQL cannot be reached or a timeout expires, also at the commit: then it is not
        known whether the transaction was committed.
        """
        return self._transaction("app.account_id", str(account_id))

    def accounts(
        self, account_ids: Iterable[UUID], *, durable: bool = True
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for several accounts, for the role of the AI workers; its queries name the accounts of rows.

        A transaction that is not `durable` does not wait for the disk, and a crash of PostgreSQL within the next second
        undoes it: for changes that are repeated if they are missing.
        """
        return self._transaction("app.account_ids", _names(account_ids), durable=durable)

    def all_accounts(self, *, durable: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A transaction without an account: relay and operator see all accounts, the application none."""
        return self._transaction("app.account_id", "", durable=durable)

    async def check(self) -> None:
        """Raise Unavailable unless PostgreSQL answers."""
        await self._read({"app.account_id": ""}, [])

    async def read(self, account_id: UUID, *queries: Statement) -> list[list[Row]]:
        """Run queries that see the rows of this account in one round trip and transaction; return the rows of each.

        Repeated on another connection if the first one is lost. Raises Unavailable.
        """
        return await self._read({"app.account_id": str(account_id)}, queries)

    async def _read(self, given: dict[str, str], queries: Sequence[Statement]) -> list[list[Row]]:
        async def run(connection: RoleConnection) -> list[list[Row]]:
            opened, *rows = await round_trip.run(
                connection, connection.prepared, [self._opening(given, connection), *queries]
            )
            self._enter(opened)
            return rows

        with translated():
            connection, rows = await self._take(run)
            await self._pool.putconn(connection)  # no transaction is open
        return rows

    def reader(self, account_id: UUID) -> Transaction:
        """In place of a transaction, for queries that run at the same time: see `Reader`."""

        async def run(statements: Sequence[Statement]) -> list[list[Row]]:
            return await self.read(account_id, *statements)

        return reader(run)

    def autocommit(self, account_ids: Iterable[UUID], *, durable: bool = True) -> Transaction:
        """In place of a transaction of `accounts`: each statement is committed in its only round trip.

        Raises Unavailable also if a statement may be committed.
        """
        return self._autocommit("app.account_ids", _names(account_ids), durable=durable)

    def autocommit_all(self, *, durable: bool = True) -> Transaction:
        """As `autocommit`, in place of a transaction of `all_accounts`."""
        return self._autocommit("app.account_id", "", durable=durable)

    def shared(self) -> Transaction:
        """As `autocommit_all`; statements of all callers share a round trip and a transaction if they begin within
        SHARED_SECONDS.

        For statements that are quick, and may be repeated: one that fails is found by repeating all of its transaction.
        A timeout fails all of it, and statements that begin meanwhile wait for it.
        """
        return self._shared

    def _autocommit(self, setting: str, value: str, *, durable: bool) -> Transaction:
        given = {setting: value} | ({} if durable else NOT_DURABLE)

        async def run(statements: Sequence[Statement]) -> list[list[Row]]:
            return await self._run_once(given, statements)

        return reader(run)

    async def _run_once(self, given: dict[str, str], statements: Sequence[Statement]) -> list[list[Row]]:
        """Run statements in one round trip and transaction; return the rows of each."""
        with translated():
            async with self._connection(_nothing) as (connection, _):
                discards = isinstance(connection, PipelinedConnection) and connection.has_old_plans(self._written)
                before: list[Statement] = [(DISCARD, {})] if discards else []
                with abort_after(2 * self._timeout + ABORT_MARGIN_SECONDS, connection):
                    rows = await round_trip.run(
                        connection, connection.prepared, [*before, self._opening(given, connection), *statements]
                    )
        self._enter(rows[len(before)])
        return rows[len(before) + 1 :]

    @asynccontextmanager
    async def _transaction(self, setting: str, value: str, *, durable: bool = True) -> AsyncIterator[Transaction]:
        given = {setting: value} | ({} if durable else NOT_DURABLE)
        with translated():
            async with self._connection(_nothing if self._pipelined else partial(self._begin, given)) as (
                connection,
                _,
            ):
                # A frozen server does not apply statement_timeout, and a commit may take as long as a statement.
                with abort_after(2 * self._timeout + ABORT_MARGIN_SECONDS, connection):
                    async with AsyncExitStack() as pipelined:
                        if isinstance(connection, PipelinedConnection):
                            # BEGIN and the settings share the round trip of the first statement.
                            await pipelined.enter_async_context(connection.pipeline())
                            if connection.has_old_plans(self._written):
                                await connection.execute(DISCARD, prepare=False)
                            text, values = self._opening(given, connection)
                            opened = await connection.execute(text.encode(), values)
                        yield connection
                        await connection.commit()
                    if self._pipelined:
                        self._enter(await opened.fetchall())

    async def _begin(self, given: dict[str, str], connection: RoleConnection) -> None:
        """Send BEGIN and the settings in one round trip."""
        statements = [("BEGIN", {}), self._opening(given, connection)]
        self._enter((await round_trip.run(connection, connection.prepared, statements))[1])

    def _enter(self, opened: list[Row]) -> None:
        """Enter the epoch, and which transactions have written, if the beginning of a transaction has returned them."""
        if self._epochs is not None and "epoch" in opened[0]:
            self._epochs.enter(opened[0]["epoch"] or 0)
        self._written = opened[0].get("written", "")

    def _opening(self, parameters: dict[str, str], connection: RoleConnection) -> Statement:
        """The statement that begins a transaction with these settings."""
        names, reads_epoch = tuple(parameters), connection.is_pooled and self._epochs is not None
        if (reads_epoch, names) not in self._openings:
            text = opening(
                self._role,
                timeout=self._timeout,
                settings=self._settings,
                parameters=names,
                reads_epoch=reads_epoch,
                reads_written=self._pipelined,
            ).decode()
            self._openings[reads_epoch, names] = text % tuple(f"%({_placeholder(name)})s" for name in names)
        return self._openings[reads_epoch, names], {_placeholder(name): value for name, value in parameters.items()}

    @asynccontextmanager
    async def _connection(self, first: Step[T]) -> AsyncIterator[tuple[RoleConnection, T]]:
        """A connection on which `first` has succeeded, and what it returned."""
        connection, result = await self._take(first)
        try:
            async with connection:
                yield connection, result
        except NO_PRIMARY:
            await connection.close()
            raise
        finally:
            await self._pool.putconn(connection)

    async def _take(self, first: Step[T]) -> tuple[RoleConnection, T]:
        """Take a connection with a verified role from the pool, and run `first` on it, which can be repeated.

        A connection that is lost is replaced by another one: a restart of PostgreSQL leaves the pool full of them. The
        pool's own check would take a round trip more, and waits longer after each connection that does not respond.
        """
        until = monotonic() + self._timeout
        while True:
            connection = await self._pool.getconn(until - monotonic())
            try:
                with abort_after(self._timeout / 2, connection):
                    await connection.verify(self._role, self._epochs)
                    return connection, await first(connection)
            except BaseException as error:
                is_lost = isinstance(error, psycopg.Error) and (connection.closed or _is_shutdown(error))
                if isinstance(error, NO_PRIMARY):
                    await connection.close()  # the next one may reach the primary
                await self._pool.putconn(connection)
                if not is_lost:
                    raise
                await self._drop_older(connection)

    async def _drop_older(self, lost: RoleConnection) -> None:
        """Replace the idle connections that were made before one was lost: they are to the same server.

        Each would otherwise be found lost by a transaction, after half of its timeout if the server is silent.
        """
        if lost.verified_at > self._drained_at:
            self._drained_at = monotonic()
            await self._pool.drain()

    def _listen_again(self, _epoch: int, has_earlier: bool) -> None:
        """End the connection that listens: the earlier server may have vanished without closing it."""
        if has_earlier and self._listening is not None:
            _abort(self._listening)

    async def listen(self, *channels: str) -> AsyncGenerator[tuple[str, str], None]:
        """Yield (channel, payload) of each NOTIFY without end, and ("", "") after every connect and reconnect.

        Notifications without a connection are lost: after ("", "") read the tables. Behind a pooler, which passes none,
        ("", "") is yielded every POLL_SECONDS, unless the database has an address to listen to.
        """
        first, longest = LISTEN_BACKOFF_SECONDS
        delay = first
        while True:
            try:
                connection = await RoleConnection.connect(self._listen_conninfo, autocommit=True, row_factory=dict_row)
                async with connection:
                    self._listening = connection
                    await connection.verify(self._role)
                    if connection.is_pooled and not self._listens:
                        break
                    await connection.execute(CONNECTED, (CONNECTED_CLASS, newest()))
                    for channel in channels:
                        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    delay = first
                    yield LISTENING
                    async for notify in connection.notifies():
                        yield notify.channel, notify.payload
            except (psycopg.OperationalError, RoleError):
                await asyncio.sleep(delay)
                delay = min(delay * 2, longest)
        log.warning("database.polled", extra={"seconds": POLL_SECONDS, "remedy": "set LISTEN_DATABASE_URL"})
        while True:
            yield LISTENING
            await asyncio.sleep(POLL_SECONDS)


def _is_of_a_statement(error: Exception) -> bool:
    """Whether PostgreSQL has refused one statement of several, and would run the others.

    Not after a timeout: the statement would take it again with each part of the batch that contains it.
    """
    cause = error.__cause__ or error
    if not isinstance(cause, psycopg.Error) or isinstance(cause, (*NO_PRIMARY, *TIMEOUTS)):
        return False
    return cause.sqlstate is not None and not _is_shutdown(cause)


def is_timeout(error: Exception) -> bool:
    """Whether PostgreSQL has ended a statement because it took too long, or waited too long for a lock."""
    return isinstance(error.__cause__ or error, TIMEOUTS)


def _is_shutdown(error: psycopg.Error) -> bool:
    """Whether PostgreSQL has ended the connection (error codes 57P01 to 57P05), which may still look open."""
    return (error.sqlstate or "").startswith("57P")


def _names(account_ids: Iterable[UUID]) -> str:
    """The value of `app.account_ids`."""
    return ",".join(sorted({str(one) for one in account_ids}))


async def _nothing(_connection: RoleConnection) -> None:
    """The first step of a transaction that begins with its first statement."""


def _placeholder(setting: str) -> str:
    return setting.replace(".", "_")


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Database]:
    """The database with the role of the operator's commands, which sees all accounts; one connection."""
    database = Database(
        url_of(settings, "operator"), role="hummdesk_operator", size=1, timeout=settings.db_timeout_seconds
    )
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def eraser(settings: Settings) -> AsyncIterator[Database]:
    """The database with the role that erases, for the operator's commands; it reads every table. One connection."""
    database = Database(
        url_of(settings, "operator"), role="hummdesk_eraser", size=1, timeout=settings.db_timeout_seconds
    )
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def abort_after(seconds: float, connection: Transaction) -> Iterator[None]:
    """Shut down the connection's socket after a time; a pending statement then fails at once."""
    timer = asyncio.get_running_loop().call_later(seconds, _abort, connection)
    try:
        yield
    finally:
        timer.cancel()


def _abort(connection: Transaction) -> None:
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as descriptor:
            descriptor.shutdown(socket.SHUT_RDWR)


def connection_string(url: str, *, role: Role, timeout: float) -> str:
    """`url` with the name of the role for pg_stat_activity, and limits by which a lost server is noticed."""
    given = make_conninfo(
        url,
        application_name=role,
        connect_timeout=max(2, round(timeout)),  # libpq raises lower values to 2
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    return of_primary(given)
