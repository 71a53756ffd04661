"""`up`: the whole desk on one machine, from nothing to ready, until somebody stops it."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
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
"""Who is not ready by then is told about, and goes on."""
ANSWERS_OF_EACH = 5
WORKER_STOP_SECONDS = 9.0
WEB_STOP_MARGIN_SECONDS = 1.5
SERVERS = ("redis", "postgres")
METRICS = "PROMETHEUS_MULTIPROC_DIR"


@dataclass
class Up:
    home: Path
    values: Mapping[str, str]
    """The settings by name, as `config.gather` gives them."""
    workers: int
    say: Callable[[str], None]
    supervisor: Supervisor = field(init=False)
    cluster: postgres.Cluster | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(say=self.say, buried=self._forget_gauges)

    @property
    def metrics(self) -> Path:
        return self.home / "metrics"

    async def run(self) -> None:
        """Until cancelled; then nothing of it is left running."""
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
        values.setdefault("JWT_SECRET", home.read_settings(self.home).get("JWT_SECRET") or secrets.token_urlsafe(48))
        settings = config.read(values)
        tokens.check(settings)
        await migrate(settings.postgres)
        home.write_settings(self.home, values | {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis})
        for service in self._services(settings, values):
            await self.supervisor.start(service)
        people = await demo.load(settings)
        await self._ready(settings)
        self.say(banner(self.home, settings, people, seconds=time.monotonic() - self.started))
        await self.supervisor.forever()

    async def _servers(self, wanted: Settings) -> dict[str, str]:
        """Start those that are not named by the settings; how to reach them."""
        urls = {}
        if not wanted.names_postgres:
            self.cluster = await postgres.prepare(self.home)
            self.supervisor.keep(await postgres.start(self.cluster, self.home))
            urls["DATABASE_URL"] = self.cluster.url()
        if not wanted.names_redis:
            server = redis.prepare(self.home, home.read_settings(self.home).get("REDIS_URL", ""))
            self.supervisor.keep(await redis.start(server, self.home))
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
        """Wait until the web processes say so; say what they wait for if that takes long.

        Which of several answers is chance: some yeses in a row are taken for all of them.
        """
        wanted = 1 if self.workers == 1 else ANSWERS_OF_EACH * self.workers
        late = time.monotonic() + SLOW_SECONDS
        yeses = 0
        while yeses < wanted:
            status, body = await _get(settings.host, settings.port, "/health/ready")
            yeses = yeses + 1 if status == 200 else 0
            if time.monotonic() > late:
                self.say(f"not ready yet: {body or 'the web process does not answer'} (logs: {self.home / 'logs'})")
                late = time.monotonic() + SLOW_SECONDS
            if yeses == 0:
                await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        """What serves first, what it stands on last."""
        await self.supervisor.stop(*(name for name in self.supervisor.names if name not in SERVERS))
        await self.supervisor.stop(*SERVERS)
        if self.cluster is not None:
            self.cluster.tidy()

    def _forget_gauges(self, pid: int) -> None:
        mark_process_dead(pid, str(self.metrics))  # type: ignore[no-untyped-call]

    def _clear_metrics(self) -> None:
        """Counters of processes that are gone would be added to those of the new ones."""
        shutil.rmtree(self.metrics, ignore_errors=True)
        self.metrics.mkdir(mode=0o700)


async def _get(host: str, number: int, path: str) -> tuple[int, str]:
    """Status and body; 0 if nobody answers."""
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
    """Run until SIGINT, SIGTERM or SIGHUP; a second one does not wait for what is in flight."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(up.run())
    asked = False

    def ask() -> None:
        nonlocal asked
        if asked:
            up.supervisor.hurry()
        else:
            asked = True
            up.say("Stopping ...")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    with suppress(asyncio.CancelledError):
        await task
