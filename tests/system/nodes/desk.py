"""A desk on several hosts: up to four web servers behind the shipped proxy, with one Redis and one PostgreSQL."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil

from bench import cores
from docs.generate import ROOT
from hummdesk.bus.shards import shard_of
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.dev.process import POLL_SECONDS, Process, Service
from tests.integration.server.accounts import Account
from tests.system.chaos.deployment import RELAY, Deployment, deploy, is_ready
from tests.system.nodes.clients import COOKIE, PlacedClient
from tests.system.nodes.network import Network, network
from tests.system.redis import servers
from tests.system.redis.servers import Server

NODES = ("web-1", "web-2", "web-3", "web-4")
PROXY = "proxy"
PORT, PROXY_PORT = 5000, 8080
START_SECONDS = 60.0
METRICS_TOKEN = "a token of the tests"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
DEFAULTS = {
    name: getattr(Settings, name)
    for name in ("ping_interval_seconds", "ping_timeout_seconds", "presence_lease_seconds", "presence_grace_seconds")
}
"""Settings that the fault tests shorten, which costs processor time."""


@dataclass
class Desk:
    hosts: Network
    made: Deployment
    redis: Server
    clients: int = field(default=0)
    """How many have been made; each has an address of its own."""

    def address(self, family: int) -> str:
        """The URL of the proxy, of IPv4 or IPv6."""
        host = self.hosts.host(PROXY)
        return f"http://{host.ipv4 if family == 4 else f'[{host.ipv6}]'}:{PROXY_PORT}"

    def node_address(self, name: str) -> str:
        return f"http://{self.hosts.host(name).ipv4}:{PORT}"

    async def account(self, *, like: Account | None = None) -> Account:
        """A new account; `like`: in the shard of another one."""
        account = Account(settings=self.made.settings, url=self.address(4))
        while like is not None and shard_of(account.id) != shard_of(like.id):
            account.id = new_id()
        return await account.make()

    def client(
        self,
        account: Account,
        name: str,
        *,
        node: str,
        conversations: Sequence[str] = (),
        kind: type[PlacedClient] = PlacedClient,
        family: int = 4,
    ) -> PlacedClient:
        """A client that was on a node before, and so connects to it while it is there."""
        self.clients += 1
        source = self.hosts.client_address(self.clients, family=family)
        return kind(self.address(family), account.token(name), conversations, source=source, node=node)

    async def start(self, *names: str) -> None:
        """Start the nodes that do not run, and wait until the proxy uses them."""
        await asyncio.gather(*(self._start_node(name) for name in names if name not in self.made.processes))
        await asyncio.gather(*(self._until_used(name) for name in names))

    async def _start_node(self, name: str) -> None:
        host, folder = self.hosts.host(name), self.made.folder / name
        folder.mkdir(exist_ok=True)
        # Web processes with the same port and directory of temporary files would hand over connections.
        own = {"HOST": "0.0.0.0", "PORT": str(PORT), "TMPDIR": str(folder)}
        service = Service(
            name=name,
            command=host.command(sys.executable, "-m", "hummdesk", "serve"),
            folder=self.made.folder,
            env=self.made.environment() | own,
        )
        self.made.processes[name] = await Process.start_ready(
            service, lambda _: is_ready(self.node_address(name)), START_SECONDS
        )

    async def _until_used(self, name: str) -> None:
        """Wait until a client with the cookie of a node reaches it: the proxy then sets no other one."""
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while True:
                headers = {"Cookie": f"{COOKIE}={name}"}
                async with session.get(f"{self.address(4)}/health/live", headers=headers) as response:
                    if response.status == 200 and "Set-Cookie" not in response.headers:
                        return
                await asyncio.sleep(POLL_SECONDS)

    async def start_proxy(self) -> None:
        assert HAPROXY is not None
        file = self.made.folder / "haproxy.cfg"
        file.write_text(self._configuration())
        host = self.hosts.host(PROXY)
        service = Service(
            name=PROXY,
            command=host.command(HAPROXY, "-f", str(file)),
            folder=self.made.folder,
            env=os.environ | {"TLS": "", "IPV6": "on"},
        )

        async def listens(_pid: int) -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{self.address(6)}/proxy") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        self.made.processes[PROXY] = await Process.start_ready(service, listens, START_SECONDS)

    def _configuration(self) -> str:
        """The shipped one, with addresses instead of the names in Docker, and with two servers more."""
        text = (ROOT / "deploy/haproxy.cfg").read_text().replace(" resolvers docker", "")
        further = "".join(f"    server {name} {name}:5000 cookie {name}\n" for name in NODES[2:])
        text, number = re.subn(r"(    server web-2 .*\n)", rf"\g<1>{further}", text)
        assert number == 1
        for name in NODES:
            text = text.replace(f" {name}:5000 ", f" {self.hosts.host(name).ipv4}:{PORT} ")
        return text

    # Figures ---------------------------------------------------------------------------------------------------------

    def cpu_seconds(self, *names: str) -> dict[str, dict[int, float]]:
        """CPU time since their start of these nodes and of what they share, with children, by pid."""
        pids = {name: self.made.processes[name].pid for name in (*names, RELAY, PROXY, "postgres")}
        assert self.redis.process is not None
        pids["redis"] = self.redis.process.pid
        return {name: _cpu_seconds(pid) for name, pid in pids.items()}

    async def metric(self, node: str, sample: str) -> float:
        """The sum of the samples of a node whose name and labels match an expression."""
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        url = f"{self.node_address(node)}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            assert response.status == 200
            text = await response.text()
        return sum(map(float, re.findall(rf"^{sample} (\S+)$", text, re.MULTILINE)))


def _cpu_seconds(pid: int) -> dict[int, float]:
    """Repeat it if a child, such as one of autovacuum, ends between being found and being asked."""
    while True:
        with suppress(OSError, psutil.Error):
            return cores.cpu_seconds(pid)


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """The CPU time between two readings of a process."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """A desk with its proxy and without nodes. Raises NotPermitted."""
    async with network(*NODES, PROXY) as hosts, servers.standalone(f"bind 127.0.0.1 {hosts.gateway}") as redis:
        url = f"redis://:{redis.password}@{hosts.gateway}:{redis.port}/0"
        changes: dict[str, Any] = {"redis_url": url, "proxies_count": 1, "metrics_token": METRICS_TOKEN} | DEFAULTS
        async with deploy(web_processes=0, starts=(RELAY,), **changes) as made:
            running = Desk(hosts, made, redis)
            await running.start_proxy()
            yield running
