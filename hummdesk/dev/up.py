"""`up`: start everything on one machine, and run it until it is stopped."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from hummdesk.core import config, tokens
from hummdesk.core.config import Settings
from hummdesk.dev import demo, home, postgres, redis
from hummdesk.dev.banner import banner, local
from hummdesk.dev.process import Service, end_orphans
from hummdesk.dev.supervisor import Supervisor
from hummdesk.server import listener
from hummdesk.storage.migrations import migrate

SLOW_SECONDS = 30.0
"""When this has passed before the web processes are ready, the reason is printed."""
READY_ANSWERS = 5
"""For each web process so many consecutive answers must be positive, since the kernel chooses which one answers."""
WORKER_STOP_SECONDS = 9.0
WEB_STOP_MARGIN_SECONDS = 1.5
SERVERS = ("redis", "postgres")
METRICS = "PROMETHEUS_MULTIPROC_DIR"


@dataclass
class Up:
    home: Path
    values: Mapping[str, str]
    """The settings by name, as `config.collect` returns them."""
    workers: int
    say: Callable[[str], None]
    reload: bool = False
    """Restart on changes of the source."""
    supervisor: Supervisor = field(init=False)
    cluster: postgres.Cluster | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(say=self.say, on_exit=self._remove_gauges)

    @property
    def metrics(self) -> Path:
        return self.home / "metrics"

    async def run(self) -> None:
        """Run until cancelled, and stop every process then."""
        wanted = config.read(self.values, needs_servers=False)
        self.home = home.make(self.home)
        with ExitStack() as held:
            held.enter_context(home.locked(self.home))
            free = held.enter_context(listener.reserved(wanted.host, wanted.port))
            await asyncio.to_thread(end_orphans, self.home)
            self._clear_metrics()
            try:
                await self._serve(wanted, free)
            finally:
                await self._stop()

    async def _serve(self, wanted: Settings, free: int) -> None:
        values = {**self.values, "PORT": str(free), **await self._servers(wanted)}
        values.setdefault("HUMMDESK_ENV", "development")
        values.setdefault("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128")
        files = self.home / home.FILES
        files.mkdir(mode=0o700, exist_ok=True)  # `doctor` misses it before the first file is stored
        values.setdefault("FILE_STORE", str(files))
        known = home.read_settings(self.home)
        for name in ("JWT_SECRET", "ENCRYPTION_KEYS"):
            values.setdefault(name, known.get(name) or secrets.token_urlsafe(48))
        settings = config.read(values)
        tokens.check(settings)
        await migrate(settings.postgres)
        home.write_settings(self.home, values | {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis})
        for service in self._services(settings, values):
            await self.supervisor.start(service)
        people, _ = await asyncio.gather(demo.load(settings, with_results=True), self._ready(settings))
        self.say(banner(self.home, settings, people, seconds=time.monotonic() - self.started))
        await asyncio.gather(self.supervisor.wait(), *self._reloading())

    def _reloading(self) -> list[Awaitable[None]]:
        if not self.reload:
            return []
        from hummdesk.dev.reload import watch

        async def restart() -> None:
            await self.supervisor.restart(*(name for name in self.supervisor.names if name not in SERVERS))

        return [watch(restart, self.say)]

    async def _servers(self, wanted: Settings) -> dict[str, str]:
        """Start the servers that the settings do not name, and return their addresses as settings."""
        urls = {}
        if not wanted.names_postgres:
            self.cluster = await postgres.prepare(self.home)
            self.supervisor.supervise(await postgres.start(self.cluster, self.home))
            urls["DATABASE_URL"] = self.cluster.url()
        if not wanted.names_redis:
            server = redis.prepare(self.home, home.read_settings(self.home).get("REDIS_URL", ""))
            self.supervisor.supervise(await redis.start(server, self.home))
            urls["REDIS_URL"] = server.url
        return urls

    def _services(self, settings: Settings, values: Mapping[str, str]) -> list[Service]:
        web = [f"web-{number}" for number in range(1, self.workers + 1)] if self.workers > 1 else ["web"]
        env = os.environ | values | {METRICS: str(self.metrics)}

        def service(name: str, *arguments: str, stop_seconds: float = WORKER_STOP_SECONDS) -> Service:
            command = (sys.executable, "-m", *arguments)
            return Service(name=name, command=command, folder=self.home, env=env, stop_seconds=stop_seconds)

        grace = settings.shutdown_seconds + WEB_STOP_MARGIN_SECONDS
        return [
            *(service(name, "hummdesk", "serve", "--share-port", stop_seconds=grace) for name in web),
            service("relay", "hummdesk", "relay"),
            service("worker", "tasks"),
        ]

    async def _ready(self, settings: Settings) -> None:
        """Wait until all web processes are ready; print what they wait for if that takes long."""
        wanted = 1 if self.workers == 1 else READY_ANSWERS * self.workers
        late = time.monotonic() + SLOW_SECONDS
        positive = 0
        while positive < wanted:
            status, body = await _get(settings.host, settings.port, "/health/ready")
            positive = positive + 1 if status == 200 else 0
            if time.monotonic() > late:
                self.say(f"not ready yet: {body or 'the web process does not answer'} (logs: {self.home / 'logs'})")
                late = time.monotonic() + SLOW_SECONDS
            if positive == 0:
                await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        """Stop the processes of HummDesk first, and then the servers that they use."""
        await self.supervisor.stop(*(name for name in self.supervisor.names if name not in SERVERS))
        await self.supervisor.stop(*SERVERS)
        if self.cluster is not None:
            self.cluster.tidy()

    def _remove_gauges(self, pid: int) -> None:
        mark_process_dead(pid, str(self.metrics))  # type: ignore[no-untyped-call]

    def _clear_metrics(self) -> None:
        """Remove the metrics of the last run, which would be added to the new ones."""
        shutil.rmtree(self.metrics, ignore_errors=True)
        self.metrics.mkdir(mode=0o700)


async def _get(host: str, number: int, path: str) -> tuple[int, str]:
    """Return status and body; status 0 without an answer."""
    with suppress(OSError, ValueError, IndexError, TimeoutError):
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(local(host), number)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
            finally:
                writer.close()
            return int(head.split()[1]), body
    return 0, ""


async def run(up: Up) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; a second signal does not wait for requests in progress."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(up.run())
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if is_stopping:
            up.supervisor.kill()
        else:
            is_stopping = True
            up.say("Stopping ...")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await task
