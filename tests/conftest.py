"""One non-durable PostgreSQL and one Redis per test process; each database of the tests is a clone of a template."""

import asyncio
import fcntl
import gc
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psycopg
import pytest
import xdist
from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable
from redis.asyncio import Redis

from hummdesk.core import temporary
from tests import memory

os.environ["TMPDIR"] = memory.temporary_folder()

# The metrics directory of all processes under test: prometheus_client reads the variable once, when it is imported.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS = str(temporary.make("metrics"))

from hummdesk.bus.task_queues import REPORTED
from hummdesk.core.broker import QUEUE_KEYS
from hummdesk.core.config import Settings
from hummdesk.dev import postgres, redis
from tests import database_template, schedule, superuser

EMPTIED = ("accounts", "erasures", "feed_changes", "feed_events", "file_deletions", "outbox", "queue_moves")
EMPTY = f"""
DO $$
BEGIN
    IF EXISTS ({" UNION ALL ".join(f"SELECT FROM {table}" for table in EMPTIED)}) THEN
        SET LOCAL lock_timeout = '200ms';
        TRUNCATE {", ".join(EMPTIED)} CASCADE;
    END IF;
END $$
"""
"""Empties all tables but those without accounts: the others of these names refer to no table. Most files leave nothing,
and TRUNCATE takes 40 ms of CPU time."""

_shared: list[tuple[str, str]] = []
"""The URLs of the database and the Redis that the tests of this process share, once there is one."""

UNLIMITED: dict[str, Any] = {
    entry.name: 0 for entry in fields(Settings) if entry.name.startswith(("rate_limit_", "max_sockets_"))
}
"""Settings that turn off all rate limits, and those of the number of sockets."""


def pytest_xdist_auto_num_workers() -> int:
    """Return two more than the number of processors: system tests mostly wait."""
    return min(4, (os.cpu_count() or 1) + 2)


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """With CHAOS=full, property tests examine random examples in place of those of Hypothesis' profile `ci`."""
    if os.environ.get("CHAOS") == "full":
        from hypothesis import settings

        settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
        settings.load_profile("random")


def pytest_unconfigure() -> None:
    """Remove the directories of this process, also in the one that only distributes the tests."""
    shutil.rmtree(METRICS, ignore_errors=True)
    database_template.remove_shared()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> schedule.Scheduling:
    return schedule.Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=schedule.order)


def pytest_sessionstart(session: pytest.Session) -> None:
    if not xdist.is_xdist_controller(session):  # it collects no tests
        gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, without the modules and tests, which take half a second each time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a lock across the test processes: exclusive for exclusive tests, shared for all others."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if schedule.is_exclusive(item) else fcntl.LOCK_SH)
        return (yield)


@dataclass(frozen=True)
class Servers:
    cluster: postgres.Cluster
    postgres_url: str
    """Connection URL of the superuser, database `postgres`."""
    redis_url: str

    async def execute(self, statement: sql.Composed) -> None:
        async with await psycopg.AsyncConnection.connect(self.postgres_url, autocommit=True) as connection:
            await connection.execute(statement)

    async def clone(self, template: str) -> str:
        """Create a database from `template` and return its name."""
        name = f"test_{secrets.token_hex(6)}"
        await self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    async def drop(self, name: str) -> None:
        await superuser.close(self.cluster.url(name))
        await self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def make_reachable_directory() -> Path:
    """Make a directory that PostgreSQL's user can traverse; under root, those of pytest deny it."""
    path = temporary.make("test")
    path.chmod(0o711)
    return path


@pytest.fixture
def home() -> Iterator[Path]:
    path = make_reachable_directory()
    yield path / "home"
    shutil.rmtree(path)


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    folder = make_reachable_directory()
    cluster = await database_template.prepare(folder)
    server = redis.prepare(folder)
    database = await postgres.start(cluster, folder, durable=False)
    broker = await redis.start(server, folder)
    made = Servers(cluster, cluster.url("postgres"), server.url)
    await made.execute(sql.SQL("ALTER SYSTEM SET autovacuum = off").format())  # it would change plans between tests
    await made.execute(sql.SQL("SELECT pg_reload_conf()").format())
    yield made
    await superuser.close()
    await asyncio.gather(database.stop(), broker.stop())
    cluster.tidy()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(servers: Servers) -> str:
    """The name of a migrated database without connections, to be cloned."""
    return postgres.NAME


@pytest.fixture(scope="session")
async def database_url(servers: Servers, template: str) -> AsyncIterator[str]:
    """A migrated database that all tests share; each test creates its own accounts."""
    name = await servers.clone(template)
    url = servers.cluster.url(name)
    _shared.append((url, servers.redis_url))
    yield url
    _shared.clear()
    await servers.drop(name)


async def _empty(database_url: str) -> None:
    """Empty a database in which the web processes of the tests may still have transactions.

    TRUNCATE locks the tables in another order than they do. It gives up before PostgreSQL ends one of them for the
    deadlock, unless the machine stands still.
    """
    while True:
        try:
            await superuser.execute(database_url, EMPTY)
        except (LockNotAvailable, DeadlockDetected):
            continue
        return


@pytest.fixture(scope="module", autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Empty what the files of a test process share. The files that share a process differ between runs.

    Otherwise relays and workers of a test would do first what the tests of other files have left to them.
    """
    yield
    for database_url, redis_url in _shared:
        await _empty(database_url)
        async with Redis.from_url(redis_url) as connected:
            await connected.delete(REPORTED, *QUEUE_KEYS.values())


@pytest.fixture
async def fresh_database_url(servers: Servers, template: str) -> AsyncIterator[str]:
    """A migrated database for a single test."""
    name = await servers.clone(template)
    yield servers.cluster.url(name)
    await servers.drop(name)


@pytest.fixture(scope="session")
def settings(servers: Servers, database_url: str) -> Settings:
    return Settings(
        hummdesk_env="development",
        database_url=database_url,
        redis_url=servers.redis_url,
        jwt_secret=secrets.token_hex(32),
        port=0,
        log_level="WARNING",
    )


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """Remove the settings of the user who runs the tests from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for entry in fields(Settings):
            patch.delenv(entry.name.upper(), raising=False)
        patch.setenv("WORKER_NICE", "0")  # tests that wait for workers run beside others on the same processors
        for name in [name for name in os.environ if name.startswith("PG")]:
            patch.delenv(name)
        yield
