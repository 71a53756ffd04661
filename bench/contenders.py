"""The measured servers: HummDesk, and peers with Socket.IO. `engines` has the peers that only fan out."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import cycle
from os import environ
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

from bench import cores, event, npm
from bench.sockets import Receiver, ReceiverGroup, ReceiverPool, SocketIOReceiver
from bench.testbed import Testbed
from hummdesk.core.config import Settings
from hummdesk.dev.process import Process, Service
from hummdesk.dev.redis import free_port
from hummdesk.publish.broadcast import open_broadcast_service

START_TIMEOUT_SECONDS = 30.0
STOP_SECONDS = 30.0
PEERS = Path(__file__).parent / "peers"
LIMITS = ("rate_limit_", "max_sockets_")
UNLIMITED = {entry.name.upper(): "0" for entry in fields(Settings) if entry.name.startswith(LIMITS)}

Receivers = ReceiverPool[Receiver]
Publish = Callable[[Receivers, int], Awaitable[None]]
IsReady = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    pid: int
    port: int
    create_receiver: Callable[[ReceiverGroup], Receiver]
    publish: Publish
    """Send this many events to all receivers, in one burst."""
    companions: tuple[int, ...] = ()
    """The process ids of its other processes, which are not children of `pid`."""

    @asynccontextmanager
    async def receivers(self) -> AsyncIterator[Receivers]:
        """An empty pool, whose receivers are closed at the end."""
        receivers = ReceiverPool(self.port, self.create_receiver)
        try:
            yield receivers
        finally:
            receivers.close()


StartServer = Callable[[Testbed], AbstractAsyncContextManager[Server]]


def configured(start: Callable[..., AbstractAsyncContextManager[Server]], **options: Any) -> StartServer:
    """The start of a contender with these options."""
    return partial(start, **options)


@asynccontextmanager
async def hummdesk(
    testbed: Testbed, *, workers: int = 1, on: frozenset[int] = cores.SERVER, module: str = "hummdesk"
) -> AsyncIterator[Server]:
    """The product as `serve` runs it. This process publishes the events, as a Celery task does."""
    async with _product(testbed, (module, "serve", "--workers", str(workers)), on=on) as server:
        yield server


@asynccontextmanager
async def up(testbed: Testbed) -> AsyncIterator[Server]:
    """The product as `up` runs it: web process, relay and AI workers, on both cores."""
    arguments = ("hummdesk", "up", "--home", str(testbed.new_folder("home")))
    async with _product(testbed, arguments, on=cores.BOTH, stop_signal=SIGTERM) as server:
        yield server


@asynccontextmanager
async def with_relay(testbed: Testbed) -> AsyncIterator[Server]:
    """The web process and the relay, on both cores."""
    command = (sys.executable, "-m", "hummdesk", "relay")
    async with hummdesk(testbed, on=cores.BOTH) as server, companion(testbed, "relay", command) as pid:
        yield replace(server, companions=(pid,))


@asynccontextmanager
async def _product(
    testbed: Testbed, arguments: tuple[str, ...], *, on: frozenset[int], stop_signal: Signals = SIGKILL
) -> AsyncIterator[Server]:
    port = free_port(0)
    account = testbed.accounts[0]
    tokens = cycle(account.agents)
    env = environment(testbed, port, UNLIMITED | {"PROMETHEUS_MULTIPROC_DIR": str(testbed.new_folder("metrics"))})
    command = (sys.executable, "-m", *arguments, "--port", str(port))
    is_ready = partial(_is_ready, port)
    running = run(testbed, "hummdesk", command, env=env, is_ready=is_ready, on=on, stop_signal=stop_signal)
    async with running as pid, open_broadcast_service(testbed.settings) as broadcast:

        async def publish(_: Receivers, count: int) -> None:
            await asyncio.gather(
                *(broadcast.broadcast_to_account(account.id, event.NAME, event.PAYLOAD) for _ in range(count))
            )

        yield Server(
            pid=pid,
            port=port,
            create_receiver=lambda group: SocketIOReceiver(group, next(tokens)),
            publish=publish,
        )


@asynccontextmanager
async def node(testbed: Testbed, *, job: str = "fan-out", on: frozenset[int] = cores.SERVER) -> AsyncIterator[Server]:
    """Socket.IO on Node.js. `job`: `fan-out` only, or a complete `desk`."""
    command = (npm.node(), str(PEERS / "server.mjs"))
    async with _socketio(testbed, "node", command, job=job, on=on) as server:
        yield server


@asynccontextmanager
async def bun(testbed: Testbed, *, job: str = "fan-out") -> AsyncIterator[Server]:
    async with _socketio(testbed, "bun", (npm.bun(), str(PEERS / "server.mjs")), job=job) as server:
        yield server


@asynccontextmanager
async def stock(testbed: Testbed, *, job: str = "fan-out") -> AsyncIterator[Server]:
    """python-socketio on Sanic as documented."""
    async with _socketio(testbed, "stock", (sys.executable, "-m", "bench.peers.stock"), job=job) as server:
        yield server


@asynccontextmanager
async def _socketio(
    testbed: Testbed, name: str, command: tuple[str, ...], *, job: str, on: frozenset[int] = cores.SERVER
) -> AsyncIterator[Server]:
    """A peer that publishes at the request of one of its clients. On a `desk` clients authenticate."""
    port = free_port(0)
    tokens = cycle(testbed.accounts[0].agents if job == "desk" else [""])
    env = environment(testbed, port, {"JOB": job, "EVENT": event.JSON, "NODE_ENV": "production"})
    async with run(testbed, name, command, env=env, is_ready=partial(accepts_connections, port), on=on) as pid:

        async def publish(receivers: Receivers, count: int) -> None:
            receivers[0].send(b'42["publish",%d]' % count)

        yield Server(
            pid=pid,
            port=port,
            create_receiver=lambda group: SocketIOReceiver(group, next(tokens)),
            publish=publish,
        )


@asynccontextmanager
async def run(
    testbed: Testbed,
    name: str,
    command: tuple[str, ...],
    *,
    env: Mapping[str, str],
    is_ready: IsReady,
    on: frozenset[int] = cores.SERVER,
    stop_signal: Signals = SIGKILL,
) -> AsyncIterator[int]:
    """Run a process on these cores for the duration of a measurement; yield its pid."""
    service = Service(
        name=name,
        command=command,
        folder=testbed.folder,
        env=env,
        stop_signal=stop_signal,
        stop_seconds=STOP_SECONDS,
    )
    with cores.pinned(on):
        process = await Process.start_ready(service, is_ready, START_TIMEOUT_SECONDS)
    try:
        yield process.pid
    finally:
        await process.stop()


@asynccontextmanager
async def companion(testbed: Testbed, name: str, command: tuple[str, ...]) -> AsyncIterator[int]:
    """Run another process beside a server; yield its pid."""

    async def is_ready(_pid: int) -> bool:
        return True

    env = environment(testbed, 0, {"PROMETHEUS_MULTIPROC_DIR": str(testbed.new_folder("metrics"))})
    async with run(testbed, name, command, env=env, is_ready=is_ready, on=cores.BOTH) as pid:
        yield pid


def environment(testbed: Testbed, port: int, additional: Mapping[str, str]) -> dict[str, str]:
    """The environment of a contender, without the HummDesk settings of the caller."""
    settings = {entry.name.upper() for entry in fields(Settings)}
    inherited = {name: value for name, value in environ.items() if name not in settings}
    return compiling(inherited) | testbed.environment(port) | dict(additional)


def compiling(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python keeps compiled modules, as images have them."""
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


async def accepts_connections(port: int, _pid: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _is_ready(port: int, _pid: int) -> bool:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"GET /health/ready HTTP/1.0\r\n\r\n")
            return b" 200 " in await reader.readline()
        finally:
            writer.close()
    return False
