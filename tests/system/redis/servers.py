"""Redis and Valkey servers of the tests: single ones, a master with replicas and Sentinels, a cluster."""

import asyncio
import os
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

from hummdesk.dev import redis
from hummdesk.dev.process import POLL_SECONDS, Process, Service
from tests.conftest import make_reachable_directory
from tests.system.redis.certificates import Certificates

FAILOVER_MS = 1000
"""After this time without an answer, the cluster and the Sentinels count a server as down."""
STEADY_MS = 15_000
"""Likewise, where no server fails: longer than one stands still on a busy machine."""
SLOTS = 16_384
START_SECONDS = 30.0
WAIT_SECONDS = 30.0
MASTER = "desk"

BUNDLED = redis.find_programs()[0].path
PROGRAMS = {program.version.name: program.path for program in reversed(redis.find_programs())}
"""`valkey` and, where it is installed, `redis`."""
SYSTEM = Path(found) if (found := shutil.which("redis-server")) else None
"""A server with TLS: Debian's. The bundled one is built without it."""


@dataclass
class Server:
    """One server process. `options` are lines of its configuration."""

    folder: Path
    port: int
    password: str
    program: Path = BUNDLED
    certificates: Certificates | None = None
    options: Sequence[str] = ()
    is_sentinel: bool = False
    process: Process | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"redis-{self.port}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        home = self.folder / self.name
        home.mkdir(exist_ok=True)
        configuration = home / "server.conf"
        if not configuration.exists():  # Sentinels and clusters write into theirs
            configuration.write_text("\n".join([*self._lines(home), *self.options, ""]))
        service = Service(
            name=self.name,
            command=(str(self.program), str(configuration), *(("--sentinel",) if self.is_sentinel else ())),
            folder=self.folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )
        self.process = await Process.start_ready(service, self._answers, START_SECONDS)

    def _lines(self, home: Path) -> list[str]:
        if self.certificates is None:
            listening = [f"port {self.port}"]
        else:
            listening = ["port 0", f"tls-port {self.port}", *self.certificates.lines()]
        lines = ["bind 127.0.0.1", f'dir "{home}"', *listening, "loglevel notice", "repl-diskless-sync-delay 0"]
        if self.is_sentinel:
            return [*lines[:-1], f"requirepass {self.password}"]
        return [*lines, 'save ""', f"requirepass {self.password}", f"masterauth {self.password}"]

    def client(self) -> Any:
        """A client that expects no particular server."""
        tls: dict[str, Any] = {}
        if self.certificates is not None:
            tls = {"ssl": True, "ssl_ca_certs": str(self.certificates.authority)}
        return Redis(host="127.0.0.1", port=self.port, password=self.password, socket_timeout=20, **tls)

    async def run(self, *command: str | int) -> Any:
        async with self.client() as client:
            return await client.execute_command(*command)

    async def info(self) -> dict[str, Any]:
        async with self.client() as client:
            found: dict[str, Any] = await client.info()
            return found

    async def _answers(self, _pid: int) -> bool:
        with suppress(exceptions.RedisError, OSError):
            await self.run("PING")
            return True
        return False

    async def kill(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            await process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


async def until(holds: Callable[[], Any]) -> None:
    """Wait until an asynchronous condition holds; a server that does not answer counts as one where it does not."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with suppress(exceptions.RedisError, OSError):
                if await holds():
                    return
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def folder_of_servers() -> AsyncIterator[tuple[Path, AsyncExitStack]]:
    folder = make_reachable_directory()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder, stack


async def _started(server: Server, stack: AsyncExitStack) -> Server:
    stack.push_async_callback(server.kill)
    await server.start()
    return server


@asynccontextmanager
async def standalone(
    *options: str, program: Path = BUNDLED, certificates: Certificates | None = None
) -> AsyncIterator[Server]:
    async with folder_of_servers() as (folder, stack):
        server = Server(folder, redis.free_port(0), secrets.token_hex(8), program, certificates, options)
        yield await _started(server, stack)


@dataclass
class Sentinels:
    """A master with a replica, and the Sentinels that watch them."""

    servers: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        hosts = ",".join(sentinel.place for sentinel in self.sentinels)
        password, certificates = self.servers[0].password, self.servers[0].certificates
        query = f"&ssl_ca_certs={certificates.authority}" if certificates else ""
        scheme = "rediss+sentinel" if certificates else "redis+sentinel"
        return f"{scheme}://:{password}@{hosts}/{MASTER}?sentinel_password={password}{query}"

    async def master(self) -> Server:
        """The server that the majority of the Sentinels names."""
        named = [await self._named_by(sentinel) for sentinel in self.sentinels]
        port = max(set(named), key=named.count)
        return next(server for server in self.servers if server.port == port)

    async def _named_by(self, sentinel: Server) -> int:
        _, port = await sentinel.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(port)

    async def fail_over_from(self, lost: Server) -> None:
        """Wait until another server is the master, for the Sentinels and for itself."""

        async def has_moved() -> bool:
            master = await self.master()
            return master is not lost and (await master.info())["role"] == "master"

        await until(has_moved)

    async def replicate(self) -> None:
        """Wait until the master has a replica."""

        async def is_replicated() -> bool:
            info = await (await self.master()).info()
            return bool(info["connected_slaves"] and info["slave0"]["state"] == "online")

        await until(is_replicated)


@asynccontextmanager
async def sentinels(
    *,
    program: Path = BUNDLED,
    certificates: Certificates | None = None,
    options: Sequence[str] = (),
    timeout_ms: int = STEADY_MS,
) -> AsyncIterator[Sentinels]:
    password = secrets.token_hex(8)
    tls = ("tls-replication yes",) if certificates else ()
    async with folder_of_servers() as (folder, stack):
        master = Server(folder, redis.free_port(0), password, program, certificates, (*tls, *options))
        await _started(master, stack)
        of_master = (f"replicaof 127.0.0.1 {master.port}", *tls, *options)
        replica = Server(folder, redis.free_port(0), password, program, certificates, of_master)
        await _started(replica, stack)
        watching = []
        for _ in range(3):
            lines = (
                f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 2",
                f"sentinel auth-pass {MASTER} {password}",
                f"sentinel down-after-milliseconds {MASTER} {timeout_ms}",
                f"sentinel failover-timeout {MASTER} 5000",
                f"sentinel sentinel-pass {password}",
                *tls,
            )
            sentinel = Server(folder, redis.free_port(0), password, program, certificates, lines, is_sentinel=True)
            watching.append(await _started(sentinel, stack))
        made = Sentinels([master, replica], watching)

        async def are_complete() -> bool:
            for sentinel in watching:
                known = (await sentinel.run("SENTINEL MASTERS"))[MASTER]
                if known["num-other-sentinels"] != 2 or known["num-slaves"] != 1:
                    return False
            return True

        await until(are_complete)
        await made.replicate()
        yield made


@dataclass
class Cluster:
    """Masters and, in the same order, a replica of each."""

    masters: list[Server]
    replicas: list[Server]

    @property
    def servers(self) -> list[Server]:
        return [*self.masters, *self.replicas]

    @property
    def running(self) -> list[Server]:
        return [server for server in self.servers if server.process is not None]

    @property
    def url(self) -> str:
        first = self.masters[0]
        query = f"?ssl_ca_certs={first.certificates.authority}" if first.certificates else ""
        scheme = "rediss+cluster" if first.certificates else "redis+cluster"
        return f"{scheme}://:{first.password}@{','.join(server.place for server in self.masters)}{query}"

    def at(self, port: int) -> Server:
        return next(server for server in self.servers if server.port == port)

    async def owner(self, key: str) -> Server:
        """The master that has a key, as another running server knows it."""
        slot = await self.running[0].run("CLUSTER", "KEYSLOT", key)
        return await self.owner_of_slot(slot)

    async def owner_of_slot(self, slot: int) -> Server:
        ports = [await self._owner_by(server, slot) for server in self.running]
        return self.at(max(set(ports), key=ports.count))

    async def _owner_by(self, server: Server, slot: int) -> int:
        async with server.client() as client:
            client.response_callbacks.pop("CLUSTER SLOTS", None)
            for start, end, master, *_ in await client.execute_command("CLUSTER SLOTS"):
                if start <= slot <= end:
                    return int(master[1])
        return 0

    async def settle(self) -> None:
        """Wait until all running servers agree that every slot has a master."""

        async def are_well() -> bool:
            infos = [await server.run("CLUSTER INFO") for server in self.running]
            return all(info["cluster_state"] == "ok" for info in infos)

        await until(are_well)

    async def replicate(self) -> None:
        """Wait until every master has its replica."""

        async def are_replicated() -> bool:
            infos = [await server.info() for server in self.replicas]
            return all(info["role"] == "slave" and info["master_link_status"] == "up" for info in infos)

        await until(are_replicated)

    async def fail_over_from(self, lost: Server, slot: int) -> None:
        """Wait until all running servers know another master for a slot, and the cluster works again."""

        async def has_moved() -> bool:
            return all([await self._owner_by(server, slot) not in (0, lost.port) for server in self.running])

        await until(has_moved)
        await self.settle()

    async def move_slot(self, slot: int, target: Server, *, pause: float = 0.0) -> int:
        """Move a slot key by key, as `redis-cli --cluster reshard` does; return the number of keys."""
        source = await self.owner_of_slot(slot)
        ids = {server.port: await server.run("CLUSTER", "MYID") for server in (source, target)}
        names = {port: found.decode() if isinstance(found, bytes) else found for port, found in ids.items()}
        await target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source.port])
        await source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target.port])
        moved = 0
        while keys := await source.run("CLUSTER", "GETKEYSINSLOT", slot, 10):
            await source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "AUTH", target.password, "KEYS", *keys)
            moved += len(keys)
            await asyncio.sleep(pause)
        for server in (target, source, *self.masters):
            with suppress(exceptions.RedisError, OSError):
                await server.run("CLUSTER", "SETSLOT", slot, "NODE", names[target.port])
        return moved


@asynccontextmanager
async def cluster(
    *,
    masters: int = 3,
    program: Path = BUNDLED,
    certificates: Certificates | None = None,
    options: Sequence[str] = (),
    timeout_ms: int = STEADY_MS,
) -> AsyncIterator[Cluster]:
    password = secrets.token_hex(8)
    async with folder_of_servers() as (folder, stack):
        servers = [
            Server(
                folder,
                redis.free_port(0),
                password,
                program,
                certificates,
                (*_cluster_lines(certificates, timeout_ms), *options),
            )
            for _ in range(2 * masters)
        ]
        await asyncio.gather(*(_started(server, stack) for server in servers))
        made = Cluster(servers[:masters], servers[masters:])
        await _join(made)
        yield made


def _cluster_lines(certificates: Certificates | None, timeout_ms: int) -> list[str]:
    lines = [
        "cluster-enabled yes",
        "cluster-config-file nodes.conf",
        f"cluster-node-timeout {timeout_ms}",
        f"cluster-port {redis.free_port(0)}",
    ]
    return [*lines, *(("tls-cluster yes", "tls-replication yes") if certificates else ())]


async def _join(made: Cluster) -> None:
    """Distribute the slots over the masters, and make each other server the replica of one."""
    count = len(made.masters)
    for number, master in enumerate(made.masters):
        start, end = number * SLOTS // count, (number + 1) * SLOTS // count - 1
        await master.run("CLUSTER", "ADDSLOTSRANGE", start, end)
        await master.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    first = made.masters[0]
    for server in made.servers[1:]:
        bus_port = next(line.split()[1] for line in server.options if line.startswith("cluster-port"))
        await first.run("CLUSTER", "MEET", "127.0.0.1", server.port, bus_port)

    async def know_each_other() -> bool:
        infos = [await server.run("CLUSTER INFO") for server in made.servers]
        return all(int(info["cluster_known_nodes"]) == len(made.servers) for info in infos)

    await until(know_each_other)
    for master, replica in zip(made.masters, made.replicas, strict=True):
        name = await master.run("CLUSTER", "MYID")
        await replica.run("CLUSTER", "REPLICATE", name.decode() if isinstance(name, bytes) else name)
    await made.settle()
    await made.replicate()
