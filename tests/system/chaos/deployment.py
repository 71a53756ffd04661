"""A deployment of real processes that can be killed, stopped and restarted: PostgreSQL, Redis, web, relay, worker."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import psutil
from psycopg import AsyncConnection
from redis.asyncio import Redis

from hummdesk.core.config import Settings
from hummdesk.dev import postgres, redis
from hummdesk.dev.process import Process, Service
from tests import database_template, superuser
from tests.conftest import UNLIMITED, make_reachable_directory
from tests.forked_process import fork
from tests.integration.server.accounts import Account

READY_SECONDS = 90.0
METRICS = "PROMETHEUS_MULTIPROC_DIR"
UNSHARED = {METRICS, "COVERAGE_PROCESS_CONFIG"}
"""Variables that the processes do not inherit from the test: its metrics directory and its coverage."""
WEB, RELAY, WORKER = "web", "relay", "worker"


class ForkedService(Process):
    """A run of a service whose command is `python -m` with arguments."""

    @classmethod
    async def start(cls, service: Service) -> "ForkedService":
        service.log.parent.mkdir(exist_ok=True)
        log_start = service.log.stat().st_size if service.log.exists() else 0
        _, _, *arguments = service.command
        child = await fork(*arguments, env=service.env, log=service.log, orphan_signal=service.orphan_signal)
        return cls(service, cast(asyncio.subprocess.Process, child), log_start)


@dataclass
class Deployment:
    folder: Path
    settings: Settings
    cluster: postgres.Cluster
    redis_server: redis.Server
    ports: tuple[int, ...]
    forks: bool = True
    """False where the memory of a web process is measured: a forked one has that of all that was imported."""
    processes: dict[str, Process] = field(default_factory=dict)
    """By name: `postgres`, `redis`, `web-0`, `web-1`, … `relay`, `worker`."""
    backends: list[psutil.Process] = field(default_factory=list)
    """Those of the PostgreSQL that was killed last."""

    @property
    def addresses(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    async def account(self) -> Account:
        return await Account(settings=self.settings, url=self.addresses[0]).make()

    # Processes ------------------------------------------------------------------------------------------------------

    async def start_servers(self) -> None:
        self.processes["postgres"] = await postgres.start(self.cluster, self.folder, durable=False)
        self.processes["redis"] = await redis.start(self.redis_server, self.folder)

    async def start_web(self, *numbers: int, source: Path | None = None) -> None:
        """Start these web processes, by default all, and wait until each is ready; of the version in `source`."""
        await asyncio.gather(*(self._start_web(number, source) for number in numbers or range(len(self.ports))))

    async def _start_web(self, number: int, source: Path | None) -> None:
        arguments = ("hummdesk", "serve", "--port", str(self.ports[number]))
        service = self._service(f"{WEB}-{number}", *arguments, source=source)
        kind = ForkedService if self.forks and source is None else Process
        self.processes[service.name] = await kind.start_ready(
            service, lambda _: is_ready(self.addresses[number]), READY_SECONDS
        )

    async def start_relay(self) -> None:
        self.processes[RELAY] = await ForkedService.start(self._service(RELAY, "hummdesk", "relay"))

    async def start_workers(self, module: str = "tasks") -> None:
        service = self._service(WORKER, module)
        # Metrics that were imported with a directory fail without one.
        env = {**service.env, METRICS: os.environ[METRICS]}
        self.processes[WORKER] = await ForkedService.start(replace(service, env=env))

    async def restart_missing(self) -> None:
        """Start the web processes and the relay that a test has left stopped."""
        missing = [number for number in range(len(self.ports)) if f"{WEB}-{number}" not in self.processes]
        if missing:
            await self.start_web(*missing)
        if RELAY not in self.processes:
            await self.start_relay()

    async def kill(self, name: str) -> None:
        """Kill a process with SIGKILL and wait for its end."""
        process = self.processes.pop(name)
        if name == "postgres":
            self.backends = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        await process.wait()

    async def stop(self, *names: str) -> None:
        await asyncio.gather(*(self.processes.pop(name).stop() for name in names))

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.processes[name].pid, number)

    async def restart(self, name: str) -> None:
        """Kill PostgreSQL or Redis and start it again."""
        await self.kill(name)
        await self.start_server(name)

    async def start_server(self, name: str) -> None:
        if name == "redis":
            self.processes[name] = await redis.start(self.redis_server, self.folder)
        else:
            await self._reap_backends()
            self.processes[name] = await postgres.start(self.cluster, self.folder, durable=False)

    async def _reap_backends(self) -> None:
        """Wait until no backend of a killed PostgreSQL holds its shared memory; each is in a session of its own."""
        await asyncio.to_thread(psutil.wait_procs, self.backends, 30)

    def resident_mib(self, name: str) -> float:
        return float(psutil.Process(self.processes[name].pid).memory_info().rss / (1 << 20))

    def cpu_seconds(self, *names: str) -> float:
        """CPU time of these processes since their start."""
        return sum(sum(psutil.Process(self.processes[name].pid).cpu_times()[:2]) for name in names)

    def redis(self) -> Redis:
        return Redis.from_url(self.redis_server.url)

    async def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as superuser, without row-level security."""
        async with await AsyncConnection.connect(self.settings.postgres, autocommit=True) as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description is not None else []

    def environment(self, source: Path | None = None) -> dict[str, str]:
        """The environment of a process; `source` is the directory of another version's packages."""
        values = {key.upper(): str(value) for key, value in asdict(self.settings).items()}
        other = {} if source is None else {"PYTHONPATH": str(source), "PYTHONSAFEPATH": "1"}
        return {key: value for key, value in os.environ.items() if key not in UNSHARED} | values | other

    def _service(self, name: str, *arguments: str, source: Path | None = None) -> Service:
        env = self.environment(source)
        return Service(
            name=name,
            command=(sys.executable, "-m", *arguments),
            folder=self.folder,
            env=env,
            stop_seconds=self.settings.shutdown_seconds + 15,
        )


async def is_ready(address: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{address}/health/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def fast_settings(**changes: Any) -> Settings:
    """Settings with short timeouts and without rate limits."""
    values: dict[str, Any] = {
        "hummdesk_env": "development",
        "jwt_secret": secrets.token_hex(32),
        "log_level": "WARNING",
        "presence_lease_seconds": 3.0,
        "presence_grace_seconds": 1.0,
        "ping_interval_seconds": 2.0,
        "ping_timeout_seconds": 3.0,
        **UNLIMITED,
        "relay_sweep_seconds": 0.25,
        "db_timeout_seconds": 3.0,
        "worker_nice": 0,
    }
    return Settings(**(values | changes))


@asynccontextmanager
async def deploy(
    *, web_processes: int = 2, starts: Sequence[str] = (WEB, RELAY), forks: bool = True, **changes: Any
) -> AsyncIterator[Deployment]:
    """A new deployment; `changes` are settings. With another Redis, its own one is the broker."""
    folder = make_reachable_directory()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cluster = await database_template.prepare(folder)
        stack.callback(cluster.tidy)
        server = redis.prepare(folder)
        urls = {"redis_url": server.url, "broker_url": server.url if "redis_url" in changes else ""}
        settings = replace(fast_settings(**urls | changes), database_url=cluster.url())
        ports = tuple(redis.free_port(0) for _ in range(web_processes))
        made = Deployment(folder, settings, cluster, server, ports, forks)
        stack.push_async_callback(_stop, made)
        stack.push_async_callback(superuser.close, settings.postgres)
        await made.start_servers()
        if WEB in starts:
            await made.start_web()
        if RELAY in starts:
            await made.start_relay()
        yield made


async def _stop(made: Deployment) -> None:
    """Stop all processes in any state, PostgreSQL and Redis last."""
    servers = [name for name in ("postgres", "redis") if name in made.processes]
    for name, process in made.processes.items():
        if name not in servers:
            process.kill()
    for name in servers:
        made.signal(name, signal.SIGCONT)
    await made.stop(*servers)
    await asyncio.gather(*(process.wait() for process in made.processes.values()))
