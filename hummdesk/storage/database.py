"""A pool of connections to PostgreSQL whose transactions see a single account."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.core.config import Settings
from hummdesk.storage.driver_errors import translated
from hummdesk.storage.logins import url_of
from hummdesk.storage.migration_files import newest
from hummdesk.storage.role import Role, RoleConnection, RoleError, opening

Transaction = psycopg.AsyncConnection[dict[str, Any]]

RECONNECT_SECONDS = 2.0
"""After this the pool gives up a connection and makes a new one with the next request. Its own backoff doubles without
limit: it would stay disconnected long after PostgreSQL is available again."""

LISTEN_BACKOFF_SECONDS = (0.1, 2.0)
"""First and longest delay before `listen` reconnects."""

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
"""Lifetime of plans. A plan made for a handful of open AI runs reads all of them for each run once thousands wait, and
autovacuum updates the statistics only after a minute."""

LISTENING = ("", "")

CONNECTED_CLASS = 0x68756D6D  # "humm"
CONNECTED = "SELECT pg_advisory_lock_shared(%s, %s)"
"""A process shows the newest migration that it knows by a lock, which `migrate` reads and nobody waits for: the columns
of pg_stat_activity are hidden from other logins."""


class PipelinedConnection(RoleConnection):
    """A connection that keeps the plans of its statements for PLAN_SECONDS."""

    _planned_at = float("-inf")

    async def discard_old_plans(self) -> None:
        """Discard plans older than PLAN_SECONDS, in the round trip of the next statement of the pipeline."""
        if monotonic() - self._planned_at > PLAN_SECONDS:
            self._planned_at = monotonic()
            await self.execute("DISCARD PLANS", prepare=False)


class Database:
    """A pool of connections whose transactions have `role` and see the rows that row-level security leaves to it.

    A connection that cannot take the role, or whose role bypasses row-level security, is refused as Unavailable.
    `timeout`, in seconds, limits the wait for a connection, for a lock and for a statement, each. `pipelined` is for
    callers that retry: connections are not checked before use, a transaction of one statement takes two round trips,
    and the number of changed rows is not available, only the rows that a statement returns.
    """

    def __init__(self, url: str, *, role: Role, size: int, timeout: float, pipelined: bool = False) -> None:
        self._role = role
        self._timeout = timeout
        self._pipelined = pipelined
        self._settings = GENERIC_PLANS if pipelined else {}
        self._openings: dict[tuple[str, ...], bytes] = {}
        """The statements that begin transactions, by their parameters."""
        self._conninfo = connection_string(url, role=role, timeout=timeout)
        self._pool: AsyncConnectionPool[RoleConnection] = AsyncConnectionPool(
            self._conninfo,
            kwargs={"row_factory": dict_row} | ({"prepare_threshold": 0} if pipelined else {}),
            connection_class=PipelinedConnection if pipelined else RoleConnection,
            min_size=1,
            max_size=size,
            timeout=timeout,
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
        accounts = ",".join(sorted({str(one) for one in account_ids}))
        return self._transaction("app.account_ids", accounts, durable=durable)

    def all_accounts(self, *, durable: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A transaction without an account: relay and operator see all accounts, the application none."""
        return self._transaction("app.account_id", "", durable=durable)

    async def check(self) -> None:
        """Raise Unavailable unless PostgreSQL answers."""
        async with self.all_accounts() as tx:
            await tx.execute("SELECT 1")

    @asynccontextmanager
    async def _transaction(self, setting: str, value: str, *, durable: bool = True) -> AsyncIterator[Transaction]:
        with translated():
            async with self._connection() as connection:
                # A frozen server does not apply statement_timeout, and a commit may take as long as a statement.
                with abort_after(2 * self._timeout + ABORT_MARGIN_SECONDS, connection):
                    async with AsyncExitStack() as pipelined:
                        # BEGIN and the settings take one round trip, together with the first statement if pipelined.
                        await pipelined.enter_async_context(connection.pipeline())
                        if isinstance(connection, PipelinedConnection):
                            await connection.discard_old_plans()
                        given = {setting: value} | ({} if durable else {"synchronous_commit": "off"})
                        await connection.execute(self._opening(*given), [*given.values()])
                        if not self._pipelined:
                            await pipelined.aclose()
                        yield connection
                        await connection.commit()

    def _opening(self, *parameters: str) -> bytes:
        if parameters not in self._openings:
            self._openings[parameters] = opening(
                self._role, timeout=self._timeout, settings=self._settings, parameters=parameters
            )
        return self._openings[parameters]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Transaction]:
        connection = await self._take()
        try:
            async with connection:
                yield connection
        finally:
            await self._pool.putconn(connection)

    async def _take(self) -> RoleConnection:
        """Take a connection with a verified role from the pool; unless pipelined, one that responds.

        The pool's own check waits longer after each connection that does not respond, and a restart of PostgreSQL
        leaves the pool full of them.
        """
        until = monotonic() + self._timeout
        while True:
            connection = await self._pool.getconn(until - monotonic())
            try:
                await self._check(connection)
                return connection
            except BaseException as error:
                await self._pool.putconn(connection)
                if not isinstance(error, psycopg.Error):
                    raise

    async def _check(self, connection: RoleConnection) -> None:
        with abort_after(self._timeout / 2, connection):
            await connection.verify(self._role)
            if not self._pipelined:
                await AsyncConnectionPool.check_connection(connection)

    async def listen(self, *channels: str) -> AsyncGenerator[tuple[str, str], None]:
        """Yield (channel, payload) of each NOTIFY without end, and ("", "") after every connect and reconnect.

        Notifications without a connection are lost: after ("", "") read the tables.
        """
        first, longest = LISTEN_BACKOFF_SECONDS
        delay = first
        while True:
            try:
                connection = await RoleConnection.connect(self._conninfo, autocommit=True, row_factory=dict_row)
                async with connection:
                    await connection.verify(self._role)
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
    return make_conninfo(
        url,
        application_name=role,
        connect_timeout=max(2, round(timeout)),  # libpq raises lower values to 2
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
