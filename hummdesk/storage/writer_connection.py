"""Transactions for several accounts at once, each in one round trip."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from hummdesk.storage.database import PLANNED_ONCE, RECONNECT_SECONDS, connection_string, cut_after
from hummdesk.storage.driver_errors import translated

Row = dict[str, Any]
Statement = tuple[str, dict[str, Any]]


class Batches:
    """One connection that has taken the role `hummdesk_writer`, and with it the rows of the accounts that it names.

    No lock that a batch takes waits for the client: BEGIN, statements and COMMIT leave together, so that a process that
    stalls stops nobody else. `timeout`, in seconds, bounds the wait for the connection, for a lock and for a statement.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._timeout = timeout
        self._pool = AsyncConnectionPool(
            connection_string(url, role="hummdesk_writer", timeout=timeout, **PLANNED_ONCE),
            # BEGIN and COMMIT are in the pipeline; prepared is what is executed for the first time
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": 0},
            connection_class=psycopg.AsyncConnection[Row],
            min_size=1,
            max_size=1,
            timeout=timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name="hummdesk_writer",
        )

    async def open(self) -> None:
        """Start connecting; does not wait."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    async def run(self, account_ids: Iterable[UUID], statements: list[Statement]) -> list[list[Row]]:
        """The rows of each statement, when all of them have been committed.

        Raises Unavailable when that is not known.
        """
        accounts = ",".join(map(str, account_ids))
        with translated():
            async with self._pool.connection() as connection:
                with cut_after(2 * self._timeout, connection):
                    async with connection.pipeline():
                        await connection.execute("BEGIN")
                        await connection.execute("SELECT set_config('app.account_ids', %s, true)", (accounts,))
                        cursors = [await connection.execute(text.encode(), given) for text, given in statements]
                        await connection.execute("COMMIT")
                    return [await cursor.fetchall() if cursor.description is not None else [] for cursor in cursors]
