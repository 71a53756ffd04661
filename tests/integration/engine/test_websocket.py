"""RFC 6455 on a raw socket: frames that no client library sends, and clients that do not read."""

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
from hummdesk.engine.session import Session
from tests.integration.engine.conftest import EndpointClient, receive, running

MAX_BYTES = 100_000
HANDSHAKE = (
    "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
async def server() -> EngineIOServer:
    server = EngineIOServer(max_http_buffer_size=MAX_BYTES, max_buffered_bytes=200_000, async_handlers=False)

    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    server.on("message", message)

    return server


@pytest.fixture
async def url(server: EngineIOServer) -> AsyncIterator[str]:
    async with running(server, "engine.io") as url:
        yield url


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    for raw in RawWebSocket.opened:
        raw.writer.close()
        with suppress(ConnectionError):
            await raw.writer.wait_closed()
    RawWebSocket.opened.clear()


class RawWebSocket:
    """A WebSocket client that sends any frames, also invalid ones."""

    opened: ClassVar[list["RawWebSocket"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.protocol = Protocol(CLIENT, max_size=None)
        self.received = 0
        self.opened.append(self)

    @classmethod
    async def open(cls, url: str, *, headers: str = "", early: bytes = b"") -> "RawWebSocket":
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(f"{HANDSHAKE}{headers}\r\n".encode() + early)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        raw = cls(reader, writer)
        assert bytes((await raw.frame()).data).startswith(b"0{")
        return raw

    async def frame(self) -> Frame:
        async with asyncio.timeout(20):
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
        async with asyncio.timeout(20):
            while await self.reader.read(65536):
                pass


async def handshake(url: str, head: str) -> tuple[int, str]:
    """Return the status and the headers of the response to an opening handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
    writer.write(f"{head}\r\n".encode())
    answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
    writer.close()
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("version", ["8", "12", "14", "13, 8", ""])
async def test_other_websocket_version_is_answered_with_the_supported_one(url: str, version: str) -> None:
    status, answer = await handshake(url, HANDSHAKE.replace("Version: 13", f"Version: {version}"))
    assert status == 400
    assert "\r\nsec-websocket-version: 13\r\n" in answer.lower()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("Upgrade: websocket", "Upgrade: h2c, WebSocket", 101),
        ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket", 101),
        ("Upgrade: websocket", "Upgrade: websockets", 400),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nConnection: upgrade", 101),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "!!!!!!!!!!!!!!!!!!!!!!!!", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZTEy", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "", 400),
    ],
)
async def test_handshake_headers_are_read_as_the_rfc_defines_them(url: str, old: str, new: str, status: int) -> None:
    assert (await handshake(url, HANDSHAKE.replace(old, new)))[0] == status


async def test_fragmented_message_is_reassembled(url: str) -> None:
    raw = await RawWebSocket.open(url)
    raw.send(Opcode.TEXT, "4h€".encode()[:3], fin=False)
    raw.send(Opcode.PING, b"here")
    raw.send(Opcode.CONT, b"", fin=False)
    raw.send(Opcode.CONT, "4h€".encode()[3:])
    assert [(await raw.frame()).opcode, (await raw.frame()).data] == [Opcode.PONG, "4h€".encode()]
    raw.send(Opcode.BINARY, b"\xff", fin=False)
    raw.send(Opcode.CONT, b"\xfe")
    frame = await raw.frame()
    assert (frame.opcode, frame.data) == (Opcode.BINARY, b"\xff\xfe")


async def test_frames_are_parsed_byte_by_byte_and_all_at_once(url: str) -> None:
    raw = await RawWebSocket.open(url, early=Frame(Opcode.TEXT, b"4early").serialize(mask=True))
    assert (await raw.frame()).data == b"4early"
    sent = b"".join(Frame(Opcode.TEXT, b"4%d" % number).serialize(mask=True) for number in range(500))
    raw.writer.write(sent)
    assert [(await raw.frame()).data for _ in range(500)] == [b"4%d" % number for number in range(500)]
    for byte in sent[:100]:
        raw.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    raw.writer.write(sent[100:])
    assert [(await raw.frame()).data for _ in range(500)] == [b"4%d" % number for number in range(500)]


@pytest.mark.parametrize("uses_parser", [False, True])
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
async def test_protocol_violation_closes_with_its_code(
    url: str, server: EngineIOServer, frames: Any, code: int, uses_parser: bool
) -> None:
    """`uses_parser`: whether the connection has already needed the full parser."""
    raw = await RawWebSocket.open(url)
    if uses_parser:
        raw.send(Opcode.PING, b"")
        assert (await raw.frame()).opcode is Opcode.PONG
    for opcode, data, options in frames:
        if options.get("fin") is False and opcode is Opcode.PING:
            raw.writer.write(bytes((Opcode.PING, 0x81)) + b"\0\0\0\0x")
        elif opcode is Opcode.PING:
            raw.writer.write(bytes((0x80 | Opcode.PING, 0xFE)) + len(data).to_bytes(2, "big") + b"\0\0\0\0" + data)
        else:
            raw.send(opcode, data, **options)
    assert await raw.close_code() == code
    raw.writer.write_eof()
    await raw.ended()
    assert not server.sockets


async def test_client_that_does_not_answer_the_close_frame_is_aborted(url: str, server: EngineIOServer) -> None:
    raw = await RawWebSocket.open(url)
    await server.disconnect()
    assert await raw.close_code() == 1000
    raw.send(Opcode.TEXT, b"4ignored")
    await raw.ended()


async def test_client_that_pings_and_does_not_read_is_closed_at_the_write_limit(
    url: str, server: EngineIOServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.engine.websocket.MAX_LIGHT_FRAMES", 10**9)
    raw = await RawWebSocket.open(url)
    (session,) = server.sockets.values()
    websocket, most = session.websocket, 0
    pings = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 100
    async with asyncio.timeout(20):
        while server.sockets:
            raw.writer.write(pings)
            await asyncio.sleep(0)
            most = max(most, websocket.buffered_bytes)
    assert 0 < most < server.max_buffered_bytes + 64_000


@pytest.mark.alone
async def test_client_that_does_not_read_is_closed_without_delaying_others(
    http: aiohttp.ClientSession, url: str, server: Any
) -> None:
    reasons: dict[str, str] = {}
    server.on("disconnect", reasons.__setitem__)
    client = EndpointClient(f"{url}/engine.io/", http)
    stalled = await RawWebSocket.open(url)
    (stalled_sid,) = server.sockets
    reading = await client.websocket()
    await receive(reading)
    polling = await client.open()
    (sid,) = set(server.sockets) - {stalled_sid, polling}
    started = asyncio.get_running_loop().time()
    sent = 0
    while stalled_sid in server.sockets:
        for receiver in list(server.sockets):
            await server.send(receiver, "x" * 50_000)
        sent += 1
        assert await receive(reading)
        assert sent < 1000
    assert reasons == {stalled_sid: "transport error", polling: "transport error"}
    assert sid in server.sockets
    assert asyncio.get_running_loop().time() - started < 3
    with suppress(ConnectionError):
        await stalled.ended()


async def test_packets_to_a_slow_reader_keep_their_order(url: str, server: EngineIOServer) -> None:
    slow = await RawWebSocket.open(url)
    (session,) = server.sockets.values()
    sent = 0
    while session.direct_socket is not None or sent % 10:
        await server.send(session.sid, f"m{sent}/{'x' * 5000}")
        await asyncio.sleep(0 if sent % 3 else 0.0001)  # some are coalesced
        sent += 1
        assert sent < 10_000
    for number in range(sent):
        assert bytes((await slow.frame()).data).startswith(b"4m%d/" % number)
    await server.send(session.sid, "last")
    assert bytes((await slow.frame()).data) == b"4last"
    assert session.direct_socket is not None


async def test_drain_waits_for_a_slow_reader_until_the_timeout(url: str, server: EngineIOServer) -> None:
    slow = await RawWebSocket.open(url)
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
    with pytest.raises(StopIteration):
        server.drain().send(None)  # the coroutine ends without suspending
    assert session.sid in server.sockets


async def test_deliveries_of_one_tick_to_overlapping_rooms_keep_their_order(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer()

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await server.enter_room(sid, environ["QUERY_STRING"][-1])

    server.on("connect", connect)

    async with running(server, "socket.io") as address:
        client = EndpointClient(f"{address}/socket.io/", http)
        sockets = {}
        for room in "abc":
            websocket = await client.websocket(more=f"&room={room}")
            await receive(websocket)
            await websocket.send_str("40")
            assert (await receive(websocket)).startswith("40")
            sockets[room] = websocket
        everything = ["ab", "b", "bc", "abc", "a", "ab"]
        for number, rooms in enumerate(everything):
            server.deliver("e", number, rooms=rooms)
        for room, websocket in sockets.items():
            for number in (number for number, rooms in enumerate(everything) if room in rooms):
                assert await receive(websocket) == f'42["e",{number}]'


async def until_full(session: Session, number: int) -> None:
    """Wait until so many messages of a session have been read and wait to be handled."""
    async with asyncio.timeout(20):
        while len(session._inbox or ()) < number:
            await asyncio.sleep(0.01)


async def test_flood_of_messages_is_handled_in_order_and_not_read_ahead(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(async_handlers=False, ping_interval=0.1, ping_timeout=0.2)
    gate = asyncio.Event()
    handled: list[str] = []

    async def message(sid: str, data: str) -> None:
        await gate.wait()
        handled.append(data)

    server.on("message", message)

    async with running(server, "engine.io") as url:
        raw = await RawWebSocket.open(url)
        (session,) = server.sockets.values()
        for number in range(10_000):
            raw.send(Opcode.TEXT, b"4m%d" % number)
        await until_full(session, 64)
        await asyncio.sleep(0.5)
        assert len(session._inbox) == 64
        assert not session.closing, "its pong could not be read"
        gate.set()
        async with asyncio.timeout(20):
            while len(handled) < 10_000:
                await asyncio.sleep(0.01)
        assert handled == [f"m{number}" for number in range(10_000)]


async def test_messages_posted_before_an_upgrade_count_towards_the_inbox_limit(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(async_handlers=False)
    gate = asyncio.Event()
    handled: list[str] = []

    async def message(sid: str, data: str) -> None:
        await gate.wait()
        handled.append(data)

    server.on("message", message)

    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        sid = await client.open()
        await client.post(sid, "\x1e".join(f"4m{number}" for number in range(64)))
        websocket = await client.upgrade(sid)
        for number in range(64, 3000):
            await websocket.send_str(f"4m{number}")
        await until_full(server.sockets[sid], 65)
        await asyncio.sleep(0.1)
        assert len(server.sockets[sid]._inbox) == 65
        gate.set()
        async with asyncio.timeout(20):
            while len(handled) < 3000:
                await asyncio.sleep(0.01)
        assert handled == [f"m{number}" for number in range(3000)]


async def test_compressed_messages_are_echoed_and_limited(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(compression=True, async_handlers=False, max_http_buffer_size=MAX_BYTES)

    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    server.on("message", message)

    async with running(server, "engine.io") as url:
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        raw = await RawWebSocket.open(url, headers=offer)
        deflate = zlib.compressobj(wbits=-15)
        payload = deflate.compress(b"4" + b"long " * 1000) + deflate.flush(zlib.Z_SYNC_FLUSH)
        raw.send(Opcode.TEXT, payload[:-4], rsv1=True)
        raw.protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]
        before = raw.received
        assert (await raw.frame()).data == b"4" + b"long " * 1000
        assert raw.received - before < 100
        client = EndpointClient(f"{url}/engine.io/", http)
        for window_bits in (15, 0, 10):
            websocket = await client.websocket(compress=window_bits)
            await receive(websocket)
            for text in ("4short", "4" + "long " * 1000, "4" + os.urandom(2000).hex()):
                await websocket.send_str(text)
                assert await receive(websocket) == text
        bomb = zlib.compressobj(wbits=-15)
        raw.send(Opcode.TEXT, bomb.compress(b"4" * 10**7) + bomb.flush(zlib.Z_SYNC_FLUSH)[:-4], rsv1=True)
        assert await raw.close_code() == 1009
