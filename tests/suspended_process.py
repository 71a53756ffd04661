"""Processes that a test suspends."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil
import psycopg

POLL_SECONDS = 0.01


@contextmanager
def suspended(processes: Sequence[psutil.Process], *, database_url: str, roles: Sequence[str]) -> Iterator[None]:
    """Suspend processes that connect to PostgreSQL with these roles, outside of their transactions.

    The locks of a transaction would block the others for as long as its process is suspended.
    """
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not _are_suspended_idle(processes, connection, roles):
                time.sleep(POLL_SECONDS)
        yield
    finally:
        for process in processes:
            process.resume()


def _are_suspended_idle(
    processes: Sequence[psutil.Process], connection: psycopg.Connection, roles: Sequence[str]
) -> bool:
    """Suspend the processes, or resume them if one is in a transaction."""
    for process in processes:
        process.suspend()
    busy = connection.execute(
        """SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = ANY (%s) AND state <> 'idle'""",
        [list(roles)],
    ).fetchone()
    if busy is None:
        return True
    for process in processes:
        process.resume()
    return False
