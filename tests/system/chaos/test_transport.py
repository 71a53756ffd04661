"""Faults 21, 23, 29 and 30: clients that do not read, leave in the middle, send rubbish, or only occupy a place."""

import asyncio
import io
import random
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import quantiles

import aiohttp
import pytest

from bench.sockets import KEY, UPGRADE, client_frame
from hummdesk.publish.broadcast import BroadcastService, open_broadcast_service
from tests.integration.server.accounts import Account
from tests.system.chaos.client import LOSS
from tests.system.chaos.deployment import Arena, is_ready
from tests.system.chaos.load import Load, client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(60, 600))

PATH = "/socket.io/?EIO=4&transport={}"
AT_ONCE = 100
IDLE_SECONDS = 12.0
"""Longer than a heartbeat and the time to authenticate, with the settings of these tests and the defaults."""

_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))  # the desk inherits it


class Bare:
    """A connection to the first web process that does what it is told and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, desk: Arena, *, buffer: int = 0) -> "Bare":
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", desk.ports[0]))
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


async def sockets_of(desk: Arena) -> float:
    """What the desk's own figures say."""
    async with aiohttp.ClientSession() as http, http.get(f"{desk.addresses[0]}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("hummdesk_connections{"))


def p99(talk: Load, *, since: float) -> float:
    """Milliseconds from a send to its answer."""
    taken = [one.seconds * 1000 for one in talk.acknowledged.values() if one.at - one.seconds > since]
    return quantiles(taken, n=100)[98]


@asynccontextmanager
async def publishing(desk: Arena) -> AsyncIterator[BroadcastService]:
    async with open_broadcast_service(desk.settings) as broadcast:
        yield broadcast


async def test_clients_that_never_read(desk: Arena) -> None:
    number = size(4, 50)
    limit = desk.settings.max_buffered_bytes / (1 << 20)
    with row("21", f"{number} clients of an account that never read") as found:
        account = await desk.account()
        reading = await client_of(desk, account, "agent").start()
        async with load(desk) as talk, publishing(desk) as broadcast:
            async with talk.speaking(), flooding(broadcast, account):
                began = time.monotonic()
                await asyncio.sleep(size(4, 15))
                usual, before = p99(talk, since=began), desk.resident_mib("web-0")
                deaf = [await deafen(desk, account.token("viewer")) for _ in range(number)]
                began, most = time.monotonic(), 0.0
                while any(still_connected(desk, deaf)):
                    most = max(most, desk.resident_mib("web-0"))
                    await asyncio.sleep(0.2)
                took = time.monotonic() - began
                await asyncio.sleep(max(0, size(4, 15) - took))
            for bare in deaf:
                bare.abort()
            found.tell(f"all closed after {took:.1f} s; others' p99 {usual:.1f} ms before")
            found.measure("others' p99 meanwhile", p99(talk, since=began), at_most=max(150, 2 * usual), unit=" ms")
            found.measure("memory of the process", most - before, at_most=2 * number * limit + 32, unit=" MiB more")
            cut = len(reading.outages) - reading.reasons.count(LOSS)
            found.measure("readers of the account that lost their connection", cut)
            await talk.compare(found)
        await reading.stop()


@asynccontextmanager
async def flooding(broadcast: BroadcastService, account: Account) -> AsyncIterator[None]:
    """Large events for an account, as fast as its readers take them."""

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


async def deafen(desk: Arena, token: str) -> Bare:
    bare = await Bare.open(desk, buffer=4096)
    await bare.upgrade()
    bare.send(f'40{{"token":"{token}"}}')
    await bare.reader.readuntil(b"authenticated")
    bare.writer.transport.pause_reading()  # type: ignore[attr-defined]
    return bare


def still_connected(desk: Arena, clients: list[Bare]) -> list[bool]:
    """From the desk's side, since these clients never look."""
    port = f":{desk.ports[0]:04X}"
    with Path("/proc/net/tcp").open() as table:
        lines = [line.split()[1:4] for line in table]
    peers = {remote[-5:] for local, remote, state in lines if local.endswith(port) and state == "01"}
    return [f":{client.writer.get_extra_info('sockname')[1]:04X}" in peers for client in clients]


async def test_connections_that_are_cut_while_they_are_made(desk: Arena) -> None:
    number = size(200, 1000)
    with row("23", f"{number} connections cut in the middle of connect, each at another moment") as found:
        account = await desk.account()
        before = await sockets_of(desk)
        token = account.token("agent")

        async def cut(at: int) -> None:
            bare = await Bare.open(desk)
            if at % 3:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await bare.upgrade()
                    bare.send(f'40{{"token":"{token}"}}')
            else:
                bare.writer.write(UPGRADE.format(path=PATH.format("websocket"), key=KEY).encode())
            await asyncio.sleep(random.random() * 0.02)
            bare.abort()

        for start in range(0, number, AT_ONCE):
            await asyncio.gather(*(cut(at) for at in range(start, min(start + AT_ONCE, number))))
        settings = desk.settings
        await asyncio.sleep(settings.presence_grace_seconds + settings.ping_interval_seconds + 1)
        found.measure("sockets left", await sockets_of(desk) - before)
        async with publishing(desk) as broadcast:
            found.measure("agents left online", len(await broadcast.get_online_agents(account.id)))


async def test_rubbish(desk: Arena) -> None:
    number = size(300, 5000)
    with row("29", f"{number} connections that send rubbish, and posts of 10 MB") as found:
        account = await desk.account()
        pid, before = desk.processes["web-0"].pid, desk.resident_mib("web-0")
        chance = random.Random(29)

        async def rubbish() -> None:
            bare = await Bare.open(desk)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await bare.upgrade()
                if chance.random() < 0.7:
                    bare.send(f'40{{"token":"{account.token("viewer")}"}}')
                for _ in range(5):
                    bare.writer.write(chance.choice(RUBBISH)(chance))
                await asyncio.sleep(0.05)
            bare.abort()

        async with load(desk) as talk:
            async with talk.speaking():
                for _ in range(0, number, AT_ONCE):
                    await asyncio.gather(*(rubbish() for _ in range(AT_ONCE)))
                refused = await asyncio.gather(*(large_post(desk) for _ in range(size(3, 20))))
            await talk.compare(found)
        found.tell(f"the posts were answered {sorted(set(refused))}")
        found.measure("posts that were taken", refused.count(200))
        found.measure("memory of the process", desk.resident_mib("web-0") - before, at_most=64, unit=" MiB more")
        found.measure(
            "processes that died", desk.processes["web-0"].pid != pid or not await is_ready(desk.addresses[0])
        )


RUBBISH = (
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


async def large_post(desk: Arena) -> int:
    """The status that it is answered with; 0: cut off."""
    url = desk.addresses[0] + PATH.format("polling")
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            sid = (await answer.text()).split('"sid":"')[1].split('"')[0]
        try:
            async with http.post(f"{url}&sid={sid}", data=io.BytesIO(b"4" * 10_000_000)) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


async def test_handshakes_that_stay_idle(desk: Arena) -> None:
    number = size(300, 5000)
    with row("30", f"{number} idle handshakes, {AT_ONCE} at a time") as found:
        account = await desk.account()
        before = await sockets_of(desk)
        idling = asyncio.create_task(all_idle(desk, number))
        taken: list[float] = []
        while not idling.done():
            start = time.monotonic()
            client = await client_of(desk, account, "agent").start()
            taken.append((time.monotonic() - start) * 1000)
            await client.stop()
        found.tell(f"{len(taken)} legitimate connects")
        found.measure("their p99", quantiles(taken, n=100)[98], at_most=1000, unit=" ms")
        found.measure("the idle were closed after", max(idling.result()), at_most=IDLE_SECONDS, unit=" s")
        found.measure("sockets left", await sockets_of(desk) - before)


async def all_idle(desk: Arena, number: int) -> list[float]:
    """How many seconds each was borne with."""
    everybody: list[asyncio.Task[float]] = []
    for start in range(0, number, AT_ONCE):
        made = await asyncio.gather(*(Bare.open(desk) for _ in range(min(AT_ONCE, number - start))))
        await asyncio.gather(*(bare.upgrade() for bare in made))
        everybody += [asyncio.create_task(idle(bare, connects=at % 2 == 0)) for at, bare in enumerate(made)]
    return await asyncio.gather(*everybody)


async def idle(bare: Bare, *, connects: bool) -> float:
    """`connects`: as somebody without a token."""
    began = time.monotonic()
    if connects:
        bare.send("40")
    await bare.ended()
    bare.abort()
    return time.monotonic() - began
