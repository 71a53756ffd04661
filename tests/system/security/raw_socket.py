"""Sends any bytes as a WebSocket client without a token. It speaks to loopback only, and sends at most MAX_BYTES."""

import asyncio
import json
from contextlib import suppress
from typing import ClassVar, Self

import psutil

from tests.running_time import running_timeout

MAX_BYTES = 64 << 20
HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A masked frame; its mask of zeros leaves the data as it is."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    elif len(data) < 1 << 16:
        head += bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + len(data).to_bytes(8, "big")
    return head + bytes(4) + data


class RawSocket:
    _open: ClassVar[list["RawSocket"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sent = 0
        self._open.append(self)

    @classmethod
    async def close_all(cls) -> None:
        for raw in cls._open:
            raw.abort()
            with suppress(ConnectionError):
                await raw._writer.wait_closed()
        cls._open.clear()

    @classmethod
    async def open(cls, port: int, handshake: str = HANDSHAKE) -> Self:
        """Connect, and send a handshake."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(handshake.encode())
        return cls(reader, writer)

    @classmethod
    async def opened(cls, port: int) -> Self:
        """Open a session: the handshake is accepted and its first frame has arrived."""
        raw = await cls.open(port)
        await raw.until(b"maxPayload")
        return raw

    @classmethod
    async def connected(cls, port: int) -> Self:
        """Open a session and join `/` without a token."""
        raw = await cls.opened(port)
        await raw.send(frame(TEXT, b"40"))
        await raw.until(b'"sid"')
        return raw

    async def send(self, data: bytes) -> None:
        self.sent += len(data)
        assert self.sent <= MAX_BYTES
        self._writer.write(data)
        await self._writer.drain()

    async def flood(self, data: bytes, *, seconds: float) -> bool:
        """Send again and again, without reading; return whether the server ended the connection."""
        with suppress(TimeoutError):
            async with running_timeout(seconds):
                try:
                    while self.sent + len(data) <= MAX_BYTES:
                        await self.send(data)
                except ConnectionError:
                    return True
        return False

    async def until(self, part: bytes, *, seconds: float = 5) -> bytes:
        """Read until a part has arrived; return everything that was read."""
        received = b""
        async with running_timeout(seconds):
            while part not in received:
                data = await self._reader.read(1 << 16)
                assert data, f"the connection ended with {received!r}"
                received += data
        return received

    async def ended(self, *, seconds: float = 5) -> bytes:
        """Read until the server ends the connection; return what was read."""
        received = b""
        async with running_timeout(seconds):
            while True:
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionError:
                    return received
                if not data:
                    return received
                received += data

    async def ask(self, event: str, payload: object = None) -> None:
        """Send a request that expects an acknowledgement, and wait for it."""
        await self.send(frame(TEXT, b"421" + json.dumps([event, payload]).encode()))
        await self.until(b"431[")

    def abort(self) -> None:
        self._writer.transport.abort()


def resident_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
