"""Faults 21, 23, 29 and 30: clients that do not read, disconnect during connect, send malformed data, or stay idle."""

import asyncio
import io
import random
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import quantiles

import aiohttp
import pytest

from bench.sockets import KEY, UPGRADE, client_frame
from hummdesk.publish.broadcast import BroadcastService, open_broadcast_service
from tests.integration.server.accounts import Account
from tests.running_time import running_seconds
from tests.system.chaos.client import RESYNC
from tests.system.chaos.deployment import Deployment, is_ready
from tests.system.chaos.load import Load, client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 600))

PATH = "/socket.io/?EIO=4&transport={}"
CONCURRENT = 100
CLOSE_SECONDS = 30.0
IDLE_SECONDS = 12.0
"""Above the heartbeat and the authentication timeout, with the settings of these tests and with the defaults."""

_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))  # the processes inherit it


class RawConnection:
    """A TCP connection to the first web process, without automatic responses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, deployment: Deployment, *, buffer: int = 0) -> "RawConnection":
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", deployment.ports[0]))
        return cls(*await asyncio.open_connection(sock=connection, limit=1 << 10))

    async def upgrade(self) -> None:
        self.writer.write(UPGRADE.format(path=PATH.format("websocket"), key=KEY).encode())
        await self.reader.readuntil(b"\r\n\r\n")

    def send(self, packet: str) -> None:
        self.writer.write(client_frame(packet.encode()))

    async def ended(self) -> None:
        with suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass

    def abort(self) -> None:
        self.writer.transport.abort()


async def sockets_of(deployment: Deployment) -> float:
    """Return the number of sockets in the metrics."""
    async with aiohttp.ClientSession() as http, http.get(f"{deployment.addresses[0]}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("hummdesk_connections{"))


async def sockets_left(deployment: Deployment, before: float) -> float:
    """Return how many sockets more there are than before, once the last disconnects are handled."""
    until = running_seconds() + CLOSE_SECONDS
    while (left := await sockets_of(deployment) - before) and running_seconds() < until:
        await asyncio.sleep(0.05)
    return left


async def agents_left(broadcast: BroadcastService, account: Account) -> int:
    """Return how many agents are online, once the last disconnects are handled."""
    until = running_seconds() + CLOSE_SECONDS
    while (left := len(await broadcast.get_online_agents(account.id))) and running_seconds() < until:
        await asyncio.sleep(0.05)
    return left


def p99(traffic: Load, *, since: float) -> float:
    """The 99th percentile of the send latency in milliseconds."""
    taken = [one.seconds * 1000 for one in traffic.acknowledged.values() if one.at - one.seconds > since]
    return quantiles(taken, n=100)[98]


@asynccontextmanager
async def publishing(deployment: Deployment) -> AsyncIterator[BroadcastService]:
    async with open_broadcast_service(deployment.settings) as broadcast:
        yield broadcast


@pytest.mark.systems
@pytest.mark.alone
async def test_clients_that_never_read_are_disconnected(deployment: Deployment) -> None:
    number = size(4, 50)
    limit = deployment.settings.max_buffered_bytes / (1 << 20)
    with row("21", f"{number} clients of an account that never read") as found:
        account = await deployment.account()
        reading = await client_of(deployment, account, "agent").start()
        async with load(deployment) as traffic, publishing(deployment) as broadcast:
            async with traffic.sending(), flooding(broadcast, account):
                began = running_seconds()
                await asyncio.sleep(size(4, 15))
                usual, before = p99(traffic, since=began), deployment.resident_mib("web-0")
                non_readers = [await connect_non_reader(deployment, account.token("viewer")) for _ in range(number)]
                began, most = running_seconds(), 0.0
                while any(still_connected(deployment, non_readers)):
                    most = max(most, deployment.resident_mib("web-0"))
                    await asyncio.sleep(0.2)
                took = running_seconds() - began
                await asyncio.sleep(max(0, size(4, 15) - took))
            for raw in non_readers:
                raw.abort()
            found.note(f"all closed after {took:.1f} s; others' p99 {usual:.1f} ms before")
            found.measure("others' p99 meanwhile", p99(traffic, since=began), at_most=max(150, 2 * usual), unit=" ms")
            found.measure("memory of the process", most - before, at_most=2 * number * limit + 32, unit=" MiB more")
            cut = len(reading.outages) - reading.disconnect_codes.count(RESYNC)
            found.measure("readers of the account that lost their connection", cut)
            await traffic.compare(found)
        await reading.stop()


@asynccontextmanager
async def flooding(broadcast: BroadcastService, account: Account) -> AsyncIterator[None]:
    """Publish large events to an account during the block."""

    async def flood() -> None:
        while True:
            await broadcast.broadcast_to_account(account.id, "conversation_updated", {"padding": "x" * 60_000})
            await asyncio.sleep(0.05)

    task = asyncio.create_task(flood())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def connect_non_reader(deployment: Deployment, token: str) -> RawConnection:
    raw = await RawConnection.open(deployment, buffer=4096)
    await raw.upgrade()
    raw.send(f'40{{"token":"{token}"}}')
    await raw.reader.readuntil(b"authenticated")
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
    return raw


def still_connected(deployment: Deployment, clients: list[RawConnection]) -> list[bool]:
    """Whether the server still holds each connection, since these clients never read."""
    port = f":{deployment.ports[0]:04X}"
    with Path("/proc/net/tcp").open() as table:
        lines = [line.split()[1:4] for line in table]
    peers = {remote[-5:] for local, remote, state in lines if local.endswith(port) and state == "01"}
    return [f":{client.writer.get_extra_info('sockname')[1]:04X}" in peers for client in clients]


async def test_connections_cut_during_connect_leave_no_socket(deployment: Deployment) -> None:
    number = size(200, 1000)
    with row("23", f"{number} connections cut at random moments of connect") as found:
        account = await deployment.account()
        before = await sockets_of(deployment)
        token = account.token("agent")

        async def cut(at: int) -> None:
            raw = await RawConnection.open(deployment)
            if at % 3:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await raw.upgrade()
                    raw.send(f'40{{"token":"{token}"}}')
            else:
                raw.writer.write(UPGRADE.format(path=PATH.format("websocket"), key=KEY).encode())
            await asyncio.sleep(random.random() * 0.02)
            raw.abort()

        for start in range(0, number, CONCURRENT):
            await asyncio.gather(*(cut(at) for at in range(start, min(start + CONCURRENT, number))))
        settings = deployment.settings
        await asyncio.sleep(settings.presence_grace_seconds + settings.ping_interval_seconds + 1)
        found.measure("sockets left", await sockets_left(deployment, before))
        async with publishing(deployment) as broadcast:
            found.measure("agents left online", await agents_left(broadcast, account))


async def test_malformed_data_harms_no_other_client(deployment: Deployment) -> None:
    number = size(300, 5000)
    with row("29", f"{number} connections that send malformed data, and posts of 10 MB") as found:
        account = await deployment.account()
        pid, before = deployment.processes["web-0"].pid, deployment.resident_mib("web-0")
        chance = random.Random(29)

        async def send_malformed() -> None:
            raw = await RawConnection.open(deployment)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await raw.upgrade()
                if chance.random() < 0.7:
                    raw.send(f'40{{"token":"{account.token("viewer")}"}}')
                for _ in range(5):
                    raw.writer.write(chance.choice(MALFORMED)(chance))
                await asyncio.sleep(0.05)
            raw.abort()

        async with load(deployment) as traffic:
            async with traffic.sending():
                for _ in range(0, number, CONCURRENT):
                    await asyncio.gather(*(send_malformed() for _ in range(CONCURRENT)))
                refused = await asyncio.gather(*(large_post(deployment) for _ in range(size(3, 20))))
            await traffic.compare(found)
        found.note(f"statuses of the posts: {sorted(set(refused))}")
        found.measure("accepted posts", refused.count(200))
        found.measure("memory of the process", deployment.resident_mib("web-0") - before, at_most=64, unit=" MiB more")
        found.measure(
            "processes that died",
            deployment.processes["web-0"].pid != pid or not await is_ready(deployment.addresses[0]),
        )


MALFORMED = (
    lambda chance: chance.randbytes(chance.randrange(2000)),
    lambda chance: client_frame(chance.randbytes(chance.randrange(100)), opcode=chance.randrange(16)),
    lambda _: client_frame(b"42" + b"[" * 50_000),
    lambda _: client_frame(b'421["connect",{}]'),
    lambda _: client_frame(b'421["disconnect",{}]'),
    lambda _: client_frame(b'421[{"a":1},{}]'),
    lambda _: client_frame(b"421[[],{}]"),
    lambda chance: client_frame(b'421["send_message",' + chance.randbytes(20).hex().encode()),
    lambda _: client_frame(b'451-["send_message",{"_placeholder":true,"num":9}]') + client_frame(b"x", opcode=2),
    lambda _: client_frame(b"\xff\xfe"),
)


async def large_post(deployment: Deployment) -> int:
    """Post 10 MB and return the status, or 0 if the connection was closed."""
    url = deployment.addresses[0] + PATH.format("polling")
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            sid = (await answer.text()).split('"sid":"')[1].split('"')[0]
        try:
            async with http.post(f"{url}&sid={sid}", data=io.BytesIO(b"4" * 10_000_000)) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


async def test_idle_handshakes_are_closed(deployment: Deployment) -> None:
    number = size(300, 5000)
    with row("30", f"{number} idle handshakes, {CONCURRENT} at a time") as found:
        account = await deployment.account()
        before = await sockets_of(deployment)
        idling = asyncio.create_task(hold_idle(deployment, number))
        taken: list[float] = []
        while not idling.done():
            start = running_seconds()
            client = await client_of(deployment, account, "agent").start()
            taken.append((running_seconds() - start) * 1000)
            await client.stop()
        found.note(f"{len(taken)} legitimate connects")
        found.measure("their p99", quantiles(taken, n=100)[98], at_most=1000, unit=" ms")
        found.measure("idle connections closed after", max(idling.result()), at_most=IDLE_SECONDS, unit=" s")
        found.measure("sockets left", await sockets_left(deployment, before))


async def hold_idle(deployment: Deployment, number: int) -> list[float]:
    """Open idle connections and return the seconds until each was closed."""
    idling: list[asyncio.Task[float]] = []
    for start in range(0, number, CONCURRENT):
        made = await asyncio.gather(*(RawConnection.open(deployment) for _ in range(min(CONCURRENT, number - start))))
        await asyncio.gather(*(raw.upgrade() for raw in made))
        idling += [asyncio.create_task(idle(raw, connects=at % 2 == 0)) for at, raw in enumerate(made)]
    return await asyncio.gather(*idling)


async def idle(raw: RawConnection, *, connects: bool) -> float:
    """Return the seconds until the connection is closed. `connects`: connect without a token."""
    began = running_seconds()
    if connects:
        raw.send("40")
    await raw.ended()
    raw.abort()
    return running_seconds() - began
