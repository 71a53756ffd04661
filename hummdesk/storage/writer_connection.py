"""Transactions of several accounts, each in one round trip."""

from collections.abc import Iterable, Sequence
from time import monotonic
from uuid import UUID

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.core.epochs import Epochs
from hummdesk.storage import round_trip
from hummdesk.storage.database import (
    DISCARD,
    GENERIC_PLANS,
    NO_PRIMARY,
    RECONNECT_SECONDS,
    abort_after,
    connection_string,
)
from hummdesk.storage.driver_errors import translated
from hummdesk.storage.role import Role, RoleConnection, opening
from hummdesk.storage.round_trip import Row, Statement

ROLE: Role = "hummdesk_writer"
PLAN_SECONDS, LONGEST_PLAN_SECONDS = 1.0, 300.0
"""First and longest lifetime of plans that were made without statistics."""
WITHOUT_STATISTICS = "SELECT reltuples < 1000 AS without_statistics FROM pg_class WHERE oid = 'messages'::regclass"


class WritingConnection(RoleConnection):
    """A connection that plans again while the tables grow, until they are vacuumed or analyzed.

    A plan that was made before the first messages reads all messages of a conversation for each new one. In a database
    that grows fast, autovacuum, whose ANALYZE replaces it, comes a minute and many thousand messages later. Planning
    takes some 25 ms: each plan lives for twice as long as the one before.
    """

    plan_seconds = PLAN_SECONDS
    """Lifetime of the present plans."""
    has_old_plans = False
    """Its plans were made without statistics and are too old; the next transaction discards them."""
    _planned_at = float("-inf")

    def is_check_due(self) -> bool:
        """Whether to read if there are statistics; the caller must do so now."""
        if self.prepared is None or monotonic() - max(self._planned_at, self.verified_at) < self.plan_seconds:
            return False
        self._planned_at = monotonic()
        self.plan_seconds = min(2 * self.plan_seconds, LONGEST_PLAN_SECONDS)
        return True


class WriterConnection:
    """A connection with the role `hummdesk_writer`, which sees the rows of the accounts that a transaction names.

    The statements of a transaction are sent together, so that no lock is held while PostgreSQL waits for the client: a
    process that stalls blocks no other. `timeout`, in seconds, limits the wait for the connection, for a lock and for a
    statement.
    """

    def __init__(self, url: str, *, timeout: float, epochs: Epochs | None = None) -> None:
        self._timeout = timeout
        self._epochs = epochs
        self._openings = {reads_epoch: _opening(timeout, reads_epoch=reads_epoch) for reads_epoch in (False, True)}
        self._pool: AsyncConnectionPool[WritingConnection] = AsyncConnectionPool(
            connection_string(url, role=ROLE, timeout=timeout),
            kwargs={"row_factory": dict_row, "autocommit": True},
            connection_class=WritingConnection,
            min_size=1,
            max_size=1,
            timeout=timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name=ROLE,
        )

    async def open(self) -> None:
        """Start connecting, without waiting for it."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def run(self, account_ids: Iterable[UUID], statements: Sequence[Statement]) -> list[list[Row]]:
        """Run statements in one transaction; return the rows of each.

        Raises Unavailable if it is not known whether the transaction was committed.
        """
        accounts = ",".join(map(str, account_ids))
        with translated():
            connection = await self._pool.getconn()
            try:
                with abort_after(2 * self._timeout, connection):
                    return await self._run_on(connection, accounts, statements)
            except NO_PRIMARY:
                await connection.close()  # the next one may reach the primary
                raise
            finally:
                await self._pool.putconn(connection)  # no transaction is open, also after an error

    async def _run_on(
        self, connection: WritingConnection, accounts: str, statements: Sequence[Statement]
    ) -> list[list[Row]]:
        await connection.verify(ROLE, self._epochs)
        reads_epoch = connection.is_pooled and self._epochs is not None
        begin = self._openings[reads_epoch], {"accounts": accounts}
        checks = connection.is_check_due()
        before: list[Statement] = [(DISCARD, {})] if connection.has_old_plans else []
        before += [(WITHOUT_STATISTICS, {})] if checks else []
        opened, *rows = await round_trip.run(connection, connection.prepared, [begin, *before, *statements])
        connection.has_old_plans = checks and rows[len(before) - 1][0]["without_statistics"]
        if reads_epoch and self._epochs is not None:
            self._epochs.enter(opened[0]["epoch"] or 0)
        return rows[len(before) :]


def _opening(timeout: float, *, reads_epoch: bool) -> str:
    begin = opening(
        ROLE,
        timeout=timeout,
        settings=GENERIC_PLANS,
        parameters=("app.account_ids",),
        reads_epoch=reads_epoch,
    )
    return begin.decode() % "%(accounts)s"
