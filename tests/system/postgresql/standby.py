"""A streaming standby of a PostgreSQL of the tests, which can be promoted."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg

from hummdesk.dev import directories, postgres
from hummdesk.dev.postgres import Cluster
from hummdesk.dev.process import POLL_SECONDS
from tests.conftest import make_reachable_directory


@dataclass(frozen=True)
class Standby:
    primary: Cluster
    cluster: Cluster

    @property
    def url(self) -> str:
        """The URL of both servers."""
        hosts = quote(f"{self.primary.sockets},{self.cluster.sockets}", safe="")
        return f"postgresql://{postgres.NAME}@/{postgres.NAME}?host={hosts}&target_session_attrs=read-write"

    async def make_synchronous(self) -> None:
        """Make commits wait for the standby, and wait until they do."""
        await execute(self.primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
        await execute(self.primary.url(), "SELECT pg_reload_conf()")
        await until(self.primary.url(), "SELECT sync_state = 'sync' FROM pg_stat_replication")

    async def detach(self) -> None:
        """Stop receiving: what is committed from now on is lost when the primary dies."""
        await execute(self.cluster.url(), "ALTER SYSTEM SET primary_conninfo = ''")
        await execute(self.cluster.url(), "SELECT pg_reload_conf()")
        await until(self.primary.url(), "SELECT count(*) = 0 FROM pg_stat_replication")

    async def promote(self) -> None:
        """Promote it, and return when it accepts changes."""
        await execute(self.cluster.url(), "SELECT pg_promote()")


@asynccontextmanager
async def standby_of(primary: Cluster) -> AsyncIterator[Standby]:
    """A running standby that has received everything."""
    folder = make_reachable_directory()
    place = directories.database_place(folder, primary.user)
    sockets = directories.socket_directory(place, primary.user, postgres.SOCKET)
    made = Cluster(place, sockets, primary.binaries, primary.user)
    await _back_up(primary, made)
    process = await postgres.start(made, folder, durable=False)
    try:
        await until(primary.url(), "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        yield Standby(primary, made)
    finally:
        await process.stop()
        made.tidy()
        shutil.rmtree(folder)


async def _back_up(primary: Cluster, made: Cluster) -> None:
    user: dict[str, Any] = {"user": primary.user.uid, "group": primary.user.gid} if primary.user else {}
    options = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
    server = ("--host", str(primary.sockets), "--username", postgres.NAME, "--pgdata", str(made.data))
    child = await asyncio.create_subprocess_exec(
        str(primary.binaries / "pg_basebackup"), *server, *options, env=postgres.environment(), **user
    )
    assert await child.wait() == 0


async def execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description is not None else []


async def until(url: str, condition: str) -> None:
    """Wait until a query returns true."""
    async with asyncio.timeout(60):
        while (await execute(url, condition))[:1] != [(True,)]:
            await asyncio.sleep(POLL_SECONDS)
