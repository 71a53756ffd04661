"""Transactions of several accounts, each in one round trip."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.storage.database import GENERIC_PLANS, RECONNECT_SECONDS, abort_after, connection_string
from hummdesk.storage.driver_errors import translated
from hummdesk.storage.role import Role, RoleConnection, opening

ROLE: Role = "hummdesk_writer"

Row = dict[str, Any]
Statement = tuple[str, dict[str, Any]]


class WriterConnection:
    """A connection with the role `hummdesk_writer`, which sees the rows of the accounts that a transaction names.

    BEGIN, statements and COMMIT are sent together, so that no lock is held while PostgreSQL waits for the client: a
    process that stalls blocks no other. `timeout`, in seconds, limits the wait for the connection, for a lock and for a
    statement.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._timeout = timeout
        self._opening = opening(ROLE, timeout=timeout, settings=GENERIC_PLANS, parameters=("app.account_ids",))
        self._pool: AsyncConnectionPool[RoleConnection] = AsyncConnectionPool(
            connection_string(url, role=ROLE, timeout=timeout),
            # BEGIN and COMMIT are in the pipeline; statements are prepared when they are first executed
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": 0},
            connection_class=RoleConnection,
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

    async def run(self, account_ids: Iterable[UUID], statements: list[Statement]) -> list[list[Row]]:
        """Run statements in one transaction; return the rows of each.

        Raises Unavailable if it is not known whether the transaction was committed.
        """
        accounts = ",".join(map(str, account_ids))
        with translated():
            async with self._pool.connection() as connection:
                with abort_after(2 * self._timeout, connection):
                    await connection.verify(ROLE)
                    async with connection.pipeline():
                        await connection.execute("BEGIN")
                        await connection.execute(self._opening, (accounts,))
                        cursors = [await connection.execute(text.encode(), given) for text, given in statements]
                        await connection.execute("COMMIT")
                    return [await cursor.fetchall() if cursor.description is not None else [] for cursor in cursors]
