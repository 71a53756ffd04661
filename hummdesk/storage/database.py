"""The one door to PostgreSQL: a pool whose transactions see a single account."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from itertools import chain
from time import monotonic
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.core.config import Settings
from hummdesk.storage.driver_errors import translated

Transaction = psycopg.AsyncConnection[dict[str, Any]]
Role = Literal["hummdesk_app", "hummdesk_worker", "hummdesk_writer", "hummdesk_relay", "hummdesk_operator"]

RECONNECT_SECONDS = 2.0
"""The pool gives a connection up after this and starts anew with the next request: its own back-off, which doubles
without a limit, would keep it away long after PostgreSQL is back."""

LISTEN_BACKOFF_SECONDS = (0.1, 2.0)
"""First and longest wait of `listen` before it connects again."""

CUT_MARGIN_SECONDS = 1.0

PLANNED_ONCE = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
"""For statements of several steps, which cost more to plan than to run. A plan that is kept was perhaps made when the
tables were small, and must not read a whole one for that, nor sort what an index has in order."""
PLAN_SECONDS = 5.0
"""How long plans are kept. Made for a handful of open AI runs, they read all of them for each one when thousands wait;
autovacuum would tell the planner of these a minute later."""

LISTENING = ("", "")


class HurriedConnection(psycopg.AsyncConnection[dict[str, Any]]):
    """One that plans its statements once, and again when that is some time ago."""

    _planned_at = float("-inf")

    async def plan_anew(self) -> None:
        """Forget old plans, in the round trip of what is executed next in the same pipeline."""
        if monotonic() - self._planned_at > PLAN_SECONDS:
            self._planned_at = monotonic()
            await self.execute("DISCARD PLANS", prepare=False)


class Database:
    """A pool of connections that have taken `role`, and with it the rows that row-level security leaves to it.

    `timeout`, in seconds, bounds the wait for a connection, for a lock and for a statement, each. `hurried` is for who
    repeats what fails: connections are not tried before use, and a transaction of one statement takes two round trips.
    What a statement changes is then not known by its count, only by what it returns.
    """

    def __init__(self, url: str, *, role: Role, size: int, timeout: float, hurried: bool = False) -> None:
        self._timeout = timeout
        self._hurried = hurried
        self._conninfo = connection_string(url, role=role, timeout=timeout, **(PLANNED_ONCE if hurried else {}))
        self._pool = AsyncConnectionPool(
            self._conninfo,
            kwargs={"row_factory": dict_row} | ({"prepare_threshold": 0} if hurried else {}),
            connection_class=HurriedConnection if hurried else psycopg.AsyncConnection[dict[str, Any]],
            min_size=1,
            max_size=size,
            timeout=timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name=role,
        )

    async def open(self) -> None:
        """Start connecting; does not wait, so that a process starts while PostgreSQL is down."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    def account(self, account_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees the rows of this account; commits at the end, rolls back on any exception.

        Raises Unavailable when PostgreSQL cannot be reached or a time-out is met, also at the commit: then it is
        not known whether the transaction has been committed.
        """
        return self._transaction("app.account_id", str(account_id))

    def accounts(
        self, account_ids: Iterable[UUID], *, lasting: bool = True
    ) -> AbstractAsyncContextManager[Transaction]:
        """The same for several accounts, as the AI workers' role and for the queries that say whose rows they mean.

        One that is not `lasting` does not wait for the disk: a crash of PostgreSQL within the next second undoes it. It
        is for marks that are made again when they are missing.
        """
        accounts = ",".join(sorted({str(one) for one in account_ids}))
        return self._transaction("app.account_ids", accounts, lasting=lasting)

    def everywhere(self, *, lasting: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A transaction without an account: the relay and the operator see all of them, the application none."""
        return self._transaction("app.account_id", "", lasting=lasting)

    async def check(self) -> None:
        """Raise Unavailable unless PostgreSQL answers."""
        async with self.everywhere() as tx:
            await tx.execute("SELECT 1")

    @asynccontextmanager
    async def _transaction(self, setting: str, value: str, *, lasting: bool = True) -> AsyncIterator[Transaction]:
        with translated():
            async with self._connection() as connection:
                # A frozen server minds no statement_timeout, and a commit may take as long as a statement.
                with cut_after(2 * self._timeout + CUT_MARGIN_SECONDS, connection):
                    async with AsyncExitStack() as pipelined:
                        # BEGIN and this go in one round trip, with the first statement if there is hurry.
                        await pipelined.enter_async_context(connection.pipeline())
                        if isinstance(connection, HurriedConnection):
                            await connection.plan_anew()
                        settings = {setting: value} | ({} if lasting else {"synchronous_commit": "off"})
                        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
                        await connection.execute(f"SELECT {calls}".encode(), [*chain(*settings.items())])
                        if not self._hurried:
                            await pipelined.aclose()
                        yield connection
                        await connection.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Transaction]:
        connection = await self._take()
        try:
            async with connection:
                yield connection
        finally:
            await self._pool.putconn(connection)

    async def _take(self) -> Transaction:
        """One that answers, if there is no hurry.

        The pool's own check would wait between those that do not, longer each time; a restart of PostgreSQL leaves it
        full of them.
        """
        until = monotonic() + self._timeout
        while True:
            connection = await self._pool.getconn(until - monotonic())
            try:
                if not self._hurried:
                    await self._check(connection)
                return connection
            except BaseException as fault:
                await self._pool.putconn(connection)
                if not isinstance(fault, psycopg.Error):
                    raise

    async def _check(self, connection: Transaction) -> None:
        with cut_after(self._timeout / 2, connection):
            await AsyncConnectionPool.check_connection(connection)

    async def listen(self, *channels: str) -> AsyncIterator[tuple[str, str]]:
        """Yield (channel, payload) of each NOTIFY, for ever, and ("", "") after every (re)connection.

        What is notified while there is no connection is lost: after ("", "") look at the tables.
        """
        first, longest = LISTEN_BACKOFF_SECONDS
        wait = first
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                async with connection:
                    for channel in channels:
                        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    wait = first
                    yield LISTENING
                    async for notify in connection.notifies():
                        yield notify.channel, notify.payload
            except psycopg.OperationalError:
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Database]:
    """The database as the operator's commands see it: all accounts, one connection."""
    database = Database(settings.postgres, role="hummdesk_operator", size=1, timeout=settings.db_timeout_seconds)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def cut_after(seconds: float, connection: Transaction) -> Iterator[None]:
    """Shut the connection's socket down when this takes longer; whatever waits for an answer then fails at once."""
    timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Transaction) -> None:
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as descriptor:
            descriptor.shutdown(socket.SHUT_RDWR)


def connection_string(url: str, *, role: Role, timeout: float, **settings: str) -> str:
    """`url` with a role that holds from the connection's first moment, so that RESET ROLE stays within it.

    `settings` are further ones of PostgreSQL, for this connection.
    """
    milliseconds = int(timeout * 1000)
    options = (
        f"{conninfo_to_dict(url).get('options') or ''}"
        f" -c role={role} -c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=UTC"
        f"{''.join(f' -c {name}={value}' for name, value in settings.items())}"
    )
    return make_conninfo(
        url,
        options=options.strip(),
        application_name=role,
        connect_timeout=max(2, round(timeout)),  # libpq takes anything below 2 for 2
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
