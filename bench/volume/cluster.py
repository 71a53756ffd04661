"""A PostgreSQL of its own on the disk, with the memory of a small database server."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import psycopg

from hummdesk.dev import postgres
from hummdesk.dev.process import Process, Service
from hummdesk.storage.migrations import migrate

MEMORY = {"shared_buffers": "2GB", "effective_cache_size": "8GB"}
LOADING = {
    "autovacuum": "off",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class LargeCluster(postgres.Cluster):
    """A cluster with the memory of a server, and settings for loading as long as it need not be durable."""

    def service(self, folder: Path, *, durable: bool = True) -> Service:
        service = super().service(folder, durable=durable)
        settings = MEMORY | ({} if durable else LOADING)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return replace(service, command=(*service.command, *options))


@dataclass
class Server:
    cluster: LargeCluster
    folder: Path
    process: Process

    @property
    def url(self) -> str:
        return self.cluster.url()

    @property
    def empty_url(self) -> str:
        """A migrated database without rows."""
        return self.cluster.url("empty")

    async def restart(self) -> None:
        """Let every commit wait for the disk, and autovacuum run."""
        await self.process.stop()
        self.process = await postgres.start(self.cluster, self.folder)


@asynccontextmanager
async def open_server(folder: Path) -> AsyncIterator[Server]:
    """Start it for loading, with two migrated databases; stop it at the end."""
    prepared = await postgres.prepare(folder)
    cluster = LargeCluster(**{field.name: getattr(prepared, field.name) for field in fields(prepared)})
    async with AsyncExitStack() as stack:
        stack.callback(cluster.tidy)
        server = Server(cluster, folder, await postgres.start(cluster, folder, durable=False))
        stack.push_async_callback(lambda: server.process.stop())
        await migrate(cluster.url())
        await _copy(cluster)
        yield server


async def _copy(cluster: LargeCluster) -> None:
    async with await psycopg.AsyncConnection.connect(cluster.url("postgres"), autocommit=True) as connection:
        await connection.execute(b"CREATE DATABASE empty TEMPLATE " + postgres.NAME.encode())


def new_folder() -> Path:
    """Make a directory on the disk, which the user of PostgreSQL can enter; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="hummdesk-volume-", dir="/var/tmp"))  # /tmp may be in memory
    folder.chmod(0o711)
    return folder
