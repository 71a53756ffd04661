"""The servers that are measured: HummDesk and, on other engines, Socket.IO. `engines` has those that only fan out."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, fields
from functools import partial
from itertools import cycle
from os import environ
from pathlib import Path
from signal import SIGKILL

from bench import cores, event, npm
from bench.sockets import Crowd, Receiver, SocketIOReceiver
from bench.world import World
from hummdesk.core.config import Settings
from hummdesk.dev.process import Process, Service
from hummdesk.dev.redis import free_port
from hummdesk.publish.broadcast import open_broadcast_service

START_SECONDS = 30.0
PEERS = Path(__file__).parent / "peers"
UNLIMITED = {"RATE_LIMIT_EVENTS_PER_SECOND": "0", "RATE_LIMIT_CONNECTS_PER_MINUTE": "0"}

Publish = Callable[[Crowd, int], Awaitable[None]]
Ready = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that runs."""

    pid: int
    port: int
    receiver: Callable[[Crowd], Receiver]
    publish: Publish
    """Have it send so many events to everybody of a crowd, as close together as it can."""

    @asynccontextmanager
    async def crowd(self) -> AsyncIterator[Crowd]:
        crowd = Crowd(self.port, self.receiver)
        try:
            yield crowd
        finally:
            crowd.close()


Start = Callable[[World], AbstractAsyncContextManager[Server]]


@asynccontextmanager
async def hummdesk(
    world: World, *, workers: int = 1, on: frozenset[int] = cores.SERVER, module: str = "hummdesk"
) -> AsyncIterator[Server]:
    """The product as `serve` runs it; events come to it from this process, as they do from a Celery task."""
    port = free_port(0)
    account = world.accounts[0]
    tokens = cycle(account.agents)
    env = environment(world, port, UNLIMITED | {"PROMETHEUS_MULTIPROC_DIR": world.metrics_folder()})
    command = (sys.executable, "-m", module, "serve", "--port", str(port), "--workers", str(workers))
    running = run(world, "hummdesk", command, env=env, ready=partial(_is_healthy, port), on=on)
    async with running as pid, open_broadcast_service(world.settings) as broadcast:

        async def publish(_: Crowd, number: int) -> None:
            await asyncio.gather(
                *(broadcast.broadcast_to_account(account.id, event.NAME, event.PAYLOAD) for _ in range(number))
            )

        yield Server(pid=pid, port=port, receiver=lambda crowd: SocketIOReceiver(crowd, next(tokens)), publish=publish)


@asynccontextmanager
async def node(world: World, *, job: str = "fan-out", on: frozenset[int] = cores.SERVER) -> AsyncIterator[Server]:
    """Socket.IO on Node.js: nothing but `fan-out`, or a `desk` with all that belongs to it."""
    command = (npm.node(), str(PEERS / "server.mjs"))
    async with _socketio(world, "node", command, job=job, on=on) as server:
        yield server


@asynccontextmanager
async def bun(world: World, *, job: str = "fan-out") -> AsyncIterator[Server]:
    async with _socketio(world, "bun", (npm.bun(), str(PEERS / "server.mjs")), job=job) as server:
        yield server


@asynccontextmanager
async def stock(world: World, *, job: str = "fan-out") -> AsyncIterator[Server]:
    """python-socketio on Sanic as its documentation has it."""
    async with _socketio(world, "stock", (sys.executable, "-m", "bench.peers.stock"), job=job) as server:
        yield server


@asynccontextmanager
async def _socketio(
    world: World, name: str, command: tuple[str, ...], *, job: str, on: frozenset[int] = cores.SERVER
) -> AsyncIterator[Server]:
    """A peer that publishes when one of its clients asks it to. On a `desk` clients show a token."""
    port = free_port(0)
    tokens = cycle(world.accounts[0].agents if job == "desk" else [""])
    env = environment(world, port, {"JOB": job, "EVENT": event.JSON, "NODE_ENV": "production"})
    async with run(world, name, command, env=env, ready=partial(listens, port), on=on) as pid:

        async def publish(crowd: Crowd, number: int) -> None:
            crowd[0].send(b'42["publish",%d]' % number)

        yield Server(
            pid=pid,
            port=port,
            receiver=lambda crowd: SocketIOReceiver(crowd, next(tokens)),
            publish=publish,
        )


@asynccontextmanager
async def run(
    world: World,
    name: str,
    command: tuple[str, ...],
    *,
    env: Mapping[str, str],
    ready: Ready,
    on: frozenset[int] = cores.SERVER,
) -> AsyncIterator[int]:
    """A process on these cores, until the measurement ends in whatever way; its pid."""
    service = Service(name=name, command=command, folder=world.folder, env=env, stop_signal=SIGKILL)
    with cores.pinned(on):
        process = await Process.start_ready(service, ready, START_SECONDS)
    try:
        yield process.pid
    finally:
        await process.stop()


def environment(world: World, port: int, more: Mapping[str, str]) -> dict[str, str]:
    """Ours without any setting of whoever runs this."""
    settings = {entry.name.upper() for entry in fields(Settings)}
    own = {name: value for name, value in environ.items() if name not in settings}
    return own | world.environment(port) | dict(more)


async def listens(port: int, _pid: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _is_healthy(port: int, _pid: int) -> bool:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"GET /health/ready HTTP/1.0\r\n\r\n")
            return b" 200 " in await reader.readline()
        finally:
            writer.close()
    return False
