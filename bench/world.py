"""What all servers under measurement stand on: one PostgreSQL, one Redis, and the people of the demo."""

import asyncio
import secrets
import shutil
import tempfile
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
from hummdesk.core.config import Settings
from hummdesk.dev import demo, postgres, redis
from hummdesk.storage.migrations import migrate

ACCOUNTS = 4
AGENTS = 100
CUSTOMERS = 50
"""Of each account."""


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
class World:
    folder: Path
    settings: Settings
    accounts: list[Account]
    servers: tuple[int, ...]
    """The pids of PostgreSQL and Redis."""

    async def forget(self) -> None:
        """Leave nothing that an earlier server did not finish: no presence that runs out, no AI run that waits.

        And no dead rows of its own, and the planner as informed as autovacuum keeps it on a desk that lives.
        """
        async with await psycopg.AsyncConnection.connect(self.settings.postgres, autocommit=True) as connection:
            await connection.execute("TRUNCATE ai_runs CASCADE")
            await connection.execute("VACUUM ANALYZE")
        async with Redis.from_url(self.settings.redis) as client:
            await client.flushall()

    async def committed(self, messages: Collection[str]) -> dict[str, float]:
        """When these were, by the clock in seconds."""
        query = "SELECT id::text, EXTRACT(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM messages"
        async with await psycopg.AsyncConnection.connect(self.settings.postgres) as connection:
            found = await connection.execute(f"{query} WHERE id::text = ANY(%s)".encode(), [list(messages)])
            return dict(await found.fetchall())

    def environment(self, port: int) -> dict[str, str]:
        """How a server reaches it."""
        return {
            "DATABASE_URL": self.settings.postgres,
            "REDIS_URL": self.settings.redis,
            "JWT_SECRET": self.settings.jwt_secret,
            "PORT": str(port),
        }

    def metrics_folder(self) -> str:
        """A new one: with those of dead processes in it, each figure would be added up."""
        folder = self.folder / f"metrics-{sum(1 for _ in self.folder.glob('metrics-*'))}"
        folder.mkdir()
        return str(folder)

    @contextmanager
    def on_both_cores(self) -> Iterator[None]:
        """Where it counts what all get done together, no core is kept for the server."""
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
def opened() -> Iterator[World]:
    """A new world, on the cores that no server is measured on; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hummdesk-bench-"))
    folder.chmod(0o711)  # PostgreSQL's user passes through
    held = AsyncExitStack()
    held.callback(_remove, folder)
    with asyncio.Runner() as runner, cores.pinned(cores.REST):
        try:
            yield runner.run(_open(folder, held))
        finally:
            runner.run(held.aclose())


async def _open(folder: Path, held: AsyncExitStack) -> World:
    cluster = await postgres.prepare(folder)
    held.callback(cluster.tidy)
    with (cluster.data / "postgresql.auto.conf").open("a") as file:
        file.write("track_commit_timestamp = on\n")
    database = await postgres.start(cluster, folder)
    held.push_async_callback(database.stop)
    server = redis.prepare(folder)
    broker = await redis.start(server, folder)
    held.push_async_callback(broker.stop)
    await migrate(cluster.url())
    settings = Settings(database_url=cluster.url(), redis_url=server.url, jwt_secret=secrets.token_urlsafe(48))
    loaded = await demo.load(settings, accounts=ACCOUNTS, agents=AGENTS, customers=CUSTOMERS)
    accounts = [_account(account) for account in loaded["accounts"]]
    return World(folder=folder, settings=settings, accounts=accounts, servers=(database.pid, broker.pid))


def _remove(folder: Path) -> None:
    """Try again while an initdb that was interrupted still writes into it."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _account(loaded: dict[str, Any]) -> Account:
    conversations = {talk["customerId"]: talk["id"] for talk in loaded["conversations"]}
    return Account(
        id=UUID(loaded["id"]),
        agents=[user["token"] for user in loaded["users"] if user["role"] == "agent"],
        customers=[Customer(one["token"], conversations[one["id"]]) for one in loaded["customers"]],
    )
