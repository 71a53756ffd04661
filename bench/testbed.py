"""The PostgreSQL, the Redis and the demo accounts that all measured servers share."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from redis.asyncio import Redis

from bench import cores
from hummdesk.core import temporary
from hummdesk.core.config import Settings
from hummdesk.dev import demo, postgres, redis
from hummdesk.storage.migrations import migrate

ACCOUNTS = 4
AGENTS = 100
CUSTOMERS = 50
"""Agents and customers of each account."""


@dataclass(frozen=True)
class Customer:
    token: str
    conversation: str


@dataclass(frozen=True)
class Account:
    id: UUID
    agents: list[str]
    """Their tokens."""
    customers: list[Customer]


@dataclass(frozen=True)
class Testbed:
    folder: Path
    settings: Settings
    accounts: list[Account]
    servers: tuple[int, ...]
    """The process ids of PostgreSQL and Redis."""

    async def reset(self) -> None:
        """Remove the presence and the AI runs of the previous server, and bring statistics up to date.

        Autovacuum does the latter in production; without it, dead rows would slow down later contenders.
        """
        async with await psycopg.AsyncConnection.connect(self.settings.postgres, autocommit=True) as connection:
            await connection.execute("TRUNCATE ai_runs CASCADE")
            await connection.execute("VACUUM ANALYZE")
        async with Redis.from_url(self.settings.redis) as client:
            await client.flushall()

    async def commit_times(self, messages: Collection[str]) -> dict[str, float]:
        """Return the commit time of each message, in seconds since the epoch."""
        query = "SELECT id::text, EXTRACT(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM messages"
        async with await psycopg.AsyncConnection.connect(self.settings.postgres) as connection:
            found = await connection.execute(f"{query} WHERE id::text = ANY(%s)".encode(), [list(messages)])
            return dict(await found.fetchall())

    def environment(self, port: int) -> dict[str, str]:
        """Return the settings of a server that uses this testbed."""
        return {
            "DATABASE_URL": self.settings.postgres,
            "REDIS_URL": self.settings.redis,
            "JWT_SECRET": self.settings.jwt_secret,
            "PORT": str(port),
        }

    def new_folder(self, name: str) -> Path:
        """Create a folder for one server: metrics in a shared one would contain those of dead processes."""
        folder = self.folder / f"{name}-{sum(1 for _ in self.folder.glob(f'{name}-*'))}"
        folder.mkdir(mode=0o700)
        return folder

    @contextmanager
    def on_both_cores(self) -> Iterator[None]:
        """Run servers, PostgreSQL, Redis and load on the same two cores."""
        with cores.pinned(cores.BOTH):
            self._move(cores.BOTH)
            try:
                yield
            finally:
                self._move(cores.REST)

    def _move(self, to: frozenset[int]) -> None:
        for pid in self.servers:
            cores.move(pid, to)


@contextmanager
def open_testbed() -> Iterator[Testbed]:
    """Start PostgreSQL and Redis on the cores of the load and create the accounts; remove everything at the end."""
    folder = temporary.make("bench")
    folder.chmod(0o711)  # the user of PostgreSQL must be able to enter it
    stack = AsyncExitStack()
    stack.callback(_remove, folder)
    with asyncio.Runner() as runner, cores.pinned(cores.REST):
        try:
            yield runner.run(_open(folder, stack))
        finally:
            runner.run(stack.aclose())


async def _open(folder: Path, stack: AsyncExitStack) -> Testbed:
    cluster = await postgres.prepare(folder)
    stack.callback(cluster.tidy)
    with (cluster.data / "postgresql.auto.conf").open("a") as file:
        file.write("track_commit_timestamp = on\n")
    database = await postgres.start(cluster, folder)
    stack.push_async_callback(database.stop)
    server = redis.prepare(folder)
    broker = await redis.start(server, folder)
    stack.push_async_callback(broker.stop)
    await migrate(cluster.url())
    settings = Settings(database_url=cluster.url(), redis_url=server.url, jwt_secret=secrets.token_urlsafe(48))
    loaded = await demo.load(settings, accounts=ACCOUNTS, agents=AGENTS, customers=CUSTOMERS)
    accounts = [_account(account) for account in loaded["accounts"]]
    return Testbed(folder=folder, settings=settings, accounts=accounts, servers=(database.pid, broker.pid))


def _remove(folder: Path) -> None:
    """Retry while an interrupted initdb still writes into the folder."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _account(loaded: dict[str, Any]) -> Account:
    conversations = {entry["customerId"]: entry["id"] for entry in loaded["conversations"]}
    return Account(
        id=UUID(loaded["id"]),
        agents=[user["token"] for user in loaded["users"] if user["role"] == "agent"],
        customers=[Customer(one["token"], conversations[one["id"]]) for one in loaded["customers"]],
    )
