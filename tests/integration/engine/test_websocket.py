"""RFC 6455 on a bare socket: what no client library would send, and clients that do not read."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, ClassVar

import aiohttp
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from hummdesk.engine import EngineIOServer, SocketIOServer
from hummdesk.engine.engine_io import DRAIN_TIMEOUT_SECONDS
from tests.integration.engine.conftest import WorkerContext, heard, serving

MAX_BYTES = 100_000
HANDSHAKE = (
    "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
async def server() -> EngineIOServer:
    server = EngineIOServer(max_http_buffer_size=MAX_BYTES, max_buffered_bytes=200_000, async_handlers=False)

    @server.on("message")
    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    return server


@pytest.fixture
async def url(server: EngineIOServer) -> AsyncIterator[str]:
    async with serving(server, "engine.io") as url:
        yield url


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    for bare in Bare.opened:
        bare.writer.close()
        with suppress(ConnectionError):
            await bare.writer.wait_closed()
    Bare.opened.clear()


class Bare:
    """A WebSocket without manners."""

    opened: ClassVar[list["Bare"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.protocol = Protocol(CLIENT, max_size=None)
        self.received = 0
        self.opened.append(self)

    @classmethod
    async def open(cls, url: str, *, headers: str = "", early: bytes = b"") -> "Bare":
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(f"{HANDSHAKE}{headers}\r\n".encode() + early)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        bare = cls(reader, writer)
        assert bytes((await bare.frame()).data).startswith(b"0{")
        return bare

    async def frame(self) -> Frame:
        async with asyncio.timeout(5):
            while not (frames := self.protocol.events):
                data = await self.reader.read(65536)
                assert data, "the connection has ended"
                self.received += len(data)
                self.protocol.receive_data(data)
        frame = frames.pop(0)
        assert isinstance(frame, Frame)
        return frame

    def send(self, opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True, rsv1: bool = False) -> None:
        frame = bytearray(Frame(opcode, data, fin).serialize(mask=mask))
        frame[0] |= 0x40 if rsv1 else 0
        self.writer.write(frame)

    async def close_code(self) -> int:
        while (frame := await self.frame()).opcode is not Opcode.CLOSE:
            pass
        return int.from_bytes(frame.data[:2], "big")

    async def ended(self) -> None:
        async with asyncio.timeout(5):
            while await self.reader.read(65536):
                pass


async def test_a_message_in_pieces(url: str) -> None:
    bare = await Bare.open(url)
    bare.send(Opcode.TEXT, "4h€".encode()[:3], fin=False)
    bare.send(Opcode.PING, b"here")
    bare.send(Opcode.CONT, b"", fin=False)
    bare.send(Opcode.CONT, "4h€".encode()[3:])
    assert [(await bare.frame()).opcode, (await bare.frame()).data] == [Opcode.PONG, "4h€".encode()]
    bare.send(Opcode.BINARY, b"\xff", fin=False)
    bare.send(Opcode.CONT, b"\xfe")
    frame = await bare.frame()
    assert (frame.opcode, frame.data) == (Opcode.BINARY, b"\xff\xfe")


async def test_frames_that_arrive_byte_by_byte_and_all_at_once(url: str) -> None:
    bare = await Bare.open(url, early=Frame(Opcode.TEXT, b"4early").serialize(mask=True))
    assert (await bare.frame()).data == b"4early"
    sent = b"".join(Frame(Opcode.TEXT, b"4%d" % number).serialize(mask=True) for number in range(500))
    bare.writer.write(sent)
    assert [(await bare.frame()).data for _ in range(500)] == [b"4%d" % number for number in range(500)]
    for byte in sent[:100]:
        bare.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    bare.writer.write(sent[100:])
    assert [(await bare.frame()).data for _ in range(500)] == [b"4%d" % number for number in range(500)]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(Opcode.TEXT, b"4" + b"x" * MAX_BYTES, {})], 1009),
        ([(Opcode.TEXT, b"4" * 60_000, {"fin": False}), (Opcode.CONT, b"x" * 60_000, {})], 1009),
        ([(Opcode.TEXT, b"4\xff", {})], 1007),
        ([(Opcode.TEXT, b"4\xe2\x82", {"fin": False}), (Opcode.CONT, b"x", {})], 1007),
        ([(Opcode.TEXT, b"4x", {"mask": False})], 1002),
        ([(Opcode.CONT, b"x", {})], 1002),
        ([(Opcode.TEXT, b"4x", {"fin": False}), (Opcode.TEXT, b"4x", {})], 1002),
        ([(Opcode.PING, b"x", {"fin": False})], 1002),
        ([(Opcode.PING, b"x" * 126, {})], 1002),
        ([(Opcode.TEXT, b"4x", {"rsv1": True})], 1002),
        ([(Opcode.CLOSE, b"\x03", {})], 1002),
        ([(Opcode.CLOSE, (1005).to_bytes(2, "big"), {})], 1002),
        ([(Opcode.CLOSE, (4000).to_bytes(2, "big"), {})], 4000),
    ],
)
async def test_close_codes(url: str, server: EngineIOServer, frames: Any, code: int, begun: bool) -> None:
    """The same whether or not the connection has needed the parser before."""
    bare = await Bare.open(url)
    if begun:
        bare.send(Opcode.PING, b"")
        assert (await bare.frame()).opcode is Opcode.PONG
    for opcode, data, options in frames:
        if options.get("fin") is False and opcode is Opcode.PING:
            bare.writer.write(bytes((Opcode.PING, 0x81)) + b"\0\0\0\0x")
        elif opcode is Opcode.PING:
            bare.writer.write(bytes((0x80 | Opcode.PING, 0xFE)) + len(data).to_bytes(2, "big") + b"\0\0\0\0" + data)
        else:
            bare.send(opcode, data, **options)
    assert await bare.close_code() == code
    bare.writer.write_eof()
    await bare.ended()
    assert not server.sockets


async def test_a_client_that_does_not_close_back_is_cut(url: str, server: EngineIOServer) -> None:
    bare = await Bare.open(url)
    await server.disconnect()
    assert await bare.close_code() == 1000
    bare.send(Opcode.TEXT, b"4ignored")
    await bare.ended()


@pytest.mark.alone
async def test_who_does_not_read_is_closed_and_nobody_waits(http: aiohttp.ClientSession, url: str, server: Any) -> None:
    reasons: dict[str, str] = {}
    server.on("disconnect", reasons.__setitem__)
    desk = WorkerContext(f"{url}/engine.io/", http)
    deaf = await Bare.open(url)
    (deaf_sid,) = server.sockets
    listening = await desk.websocket()
    await heard(listening)
    polling = await desk.open()
    (sid,) = set(server.sockets) - {deaf_sid, polling}
    started = asyncio.get_running_loop().time()
    sent = 0
    while deaf_sid in server.sockets:
        for receiver in list(server.sockets):
            await server.send(receiver, "x" * 50_000)
        sent += 1
        assert await heard(listening)
        assert sent < 1000
    assert reasons == {deaf_sid: "transport error", polling: "transport error"}
    assert sid in server.sockets
    assert asyncio.get_running_loop().time() - started < 3
    with suppress(ConnectionError):
        await deaf.ended()


async def test_what_waits_for_a_slow_reader_keeps_its_order(url: str, server: EngineIOServer) -> None:
    slow = await Bare.open(url)
    (session,) = server.sockets.values()
    sent = 0
    while session.direct_socket is not None or sent % 10:
        await server.send(session.sid, f"m{sent}/{'x' * 5000}")
        await asyncio.sleep(0 if sent % 3 else 0.0001)  # some leave in one write
        sent += 1
        assert sent < 10_000
    for number in range(sent):
        assert bytes((await slow.frame()).data).startswith(b"4m%d/" % number)
    await server.send(session.sid, "last")
    assert bytes((await slow.frame()).data) == b"4last"
    assert session.direct_socket is not None


async def test_who_does_not_take_it_is_waited_for_and_not_long(url: str, server: EngineIOServer) -> None:
    slow = await Bare.open(url)
    (session,) = server.sockets.values()
    sent, time = 0, asyncio.get_running_loop().time
    while session.buffered_bytes <= server.max_buffered_bytes / 2:
        await server.send(session.sid, "x" * 50_000)
        await asyncio.sleep(0)
        sent += 1
        assert sent < 1000
    began = time()
    await server.drain()
    assert time() - began >= DRAIN_TIMEOUT_SECONDS
    assert session.buffered_bytes > server.max_buffered_bytes / 2
    for _ in range(sent):
        await slow.frame()
    began = time()
    await server.drain()
    assert time() - began < DRAIN_TIMEOUT_SECONDS
    assert session.sid in server.sockets


async def test_what_is_sent_in_one_tick_to_several_keeps_its_order(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer()

    @server.on("connect")
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await server.enter_room(sid, environ["QUERY_STRING"][-1])

    async with serving(server, "socket.io") as address:
        desk = WorkerContext(f"{address}/socket.io/", http)
        sockets = {}
        for room in "abc":
            websocket = await desk.websocket(more=f"&room={room}")
            await heard(websocket)
            await websocket.send_str("40")
            assert (await heard(websocket)).startswith("40")
            sockets[room] = websocket
        everything = ["ab", "b", "bc", "abc", "a", "ab"]
        for number, rooms in enumerate(everything):
            server.deliver("e", number, rooms=rooms)
        for room, websocket in sockets.items():
            for number in (number for number, rooms in enumerate(everything) if room in rooms):
                assert await heard(websocket) == f'42["e",{number}]'


async def test_a_flood_is_handled_in_order_and_not_read_ahead(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(async_handlers=False, ping_interval=0.1, ping_timeout=0.2)
    gate = asyncio.Event()
    handled: list[str] = []

    @server.on("message")
    async def message(sid: str, data: str) -> None:
        await gate.wait()
        handled.append(data)

    async with serving(server, "engine.io") as url:
        bare = await Bare.open(url)
        (session,) = server.sockets.values()
        for number in range(10_000):
            bare.send(Opcode.TEXT, b"4m%d" % number)
        await asyncio.sleep(0.5)
        assert len(session._inbox) == 64
        assert not session.closing, "its pong could not be read"
        gate.set()
        async with asyncio.timeout(5):
            while len(handled) < 10_000:
                await asyncio.sleep(0.01)
        assert handled == [f"m{number}" for number in range(10_000)]


async def test_what_was_posted_before_an_upgrade_counts(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(async_handlers=False)
    gate = asyncio.Event()
    handled: list[str] = []

    @server.on("message")
    async def message(sid: str, data: str) -> None:
        await gate.wait()
        handled.append(data)

    async with serving(server, "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        sid = await desk.open()
        await desk.post(sid, "\x1e".join(f"4m{number}" for number in range(64)))
        websocket = await desk.upgraded(sid)
        for number in range(64, 3000):
            await websocket.send_str(f"4m{number}")
        await asyncio.sleep(0.1)
        assert len(server.sockets[sid]._inbox) == 65
        gate.set()
        async with asyncio.timeout(5):
            while len(handled) < 3000:
                await asyncio.sleep(0.01)
        assert handled == [f"m{number}" for number in range(3000)]


async def test_compression(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(compression=True, async_handlers=False, max_http_buffer_size=MAX_BYTES)

    @server.on("message")
    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    async with serving(server, "engine.io") as url:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        bare = await Bare.open(url, headers=offer)
        deflate = zlib.compressobj(wbits=-15)
        payload = deflate.compress(b"4" + b"long " * 1000) + deflate.flush(zlib.Z_SYNC_FLUSH)
        bare.send(Opcode.TEXT, payload[:-4], rsv1=True)
        bare.protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]
        before = bare.received
        assert (await bare.frame()).data == b"4" + b"long " * 1000
        assert bare.received - before < 100
        desk = WorkerContext(f"{url}/engine.io/", http)
        for options in ({"compress": 15}, {"compress": 0}, {"compress": 10}):
            websocket = await desk.websocket(**options)
            await heard(websocket)
            for text in ("4short", "4" + "long " * 1000, "4" + os.urandom(2000).hex()):
                await websocket.send_str(text)
                assert await heard(websocket) == text
        bomb = zlib.compressobj(wbits=-15)
        bare.send(Opcode.TEXT, bomb.compress(b"4" * 10**7) + bomb.flush(zlib.Z_SYNC_FLUSH)[:-4], rsv1=True)
        assert await bare.close_code() == 1009
