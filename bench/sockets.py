"""The load: raw WebSockets that cost little and are the same for every server. They speak just enough of a protocol.

Frames are split and looked at, never parsed, and no frame is checked: the servers' conformance is tested elsewhere.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

EVENT = b'42["new_message"'
"""How each delivery begins, at every server."""

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONNECTS_AT_ONCE = 50
PATIENCE_SECONDS = 60.0


class Lost(Exception):
    """A server closed a connection, or did not deliver in time."""


class Receiver(asyncio.Protocol):
    """One WebSocket that counts what is published to it. Ready when it is upgraded."""

    path = "/"

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._upgraded = False
        self._rest = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(UPGRADE.format(path=self.path, key=KEY).encode())

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self._upgraded:
            data = self._upgrade(data)
        at, end, deliveries = 0, len(data), 0
        while at + 2 <= end:
            start, size = at + 2, data[at + 1]
            if size > 125:
                if at + 10 > end:
                    break
                start, size = _long(data, start, size)
            if start + size > end:
                break
            at = start + size
            deliveries += self.take(data[start:at])
        self._rest = data[at:]
        if deliveries:
            self.crowd.count(deliveries)

    def _upgrade(self, data: bytes) -> bytes:
        """Gives what follows the answer to the upgrade, once that is complete."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return b""
        self._upgraded = True
        self._rest = b""
        if b" 101 " not in head.partition(b"\r\n")[0]:
            self.ready.set_exception(Lost(f"no upgrade: {head[:100]!r}"))
            return b""
        self.upgraded()
        return rest

    def upgraded(self) -> None:
        self.is_ready()

    def take(self, payload: bytes) -> int:
        """The number of deliveries in the payload of a frame."""
        return payload.startswith(EVENT)

    def is_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def send(self, payload: bytes) -> None:
        self.transport.write(masked(payload))

    def connection_lost(self, failure: Exception | None) -> None:
        lost = Lost("the server closed a connection")
        if not self.ready.done():
            self.ready.set_exception(lost)
        self.crowd.lost(self, lost)


class BareReceiver(Receiver):
    """No WebSocket handshake: the C loop sends ready-made frames at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._upgraded = True
        self.is_ready()


class NchanReceiver(Receiver):
    path = "/events"


class NatsReceiver(Receiver):
    """Subscribes to one subject. A message may come in pieces, so bytes are counted; a rare PING is lost in them."""

    SUBJECT = b"desk"
    PONG = b"PONG\r\n"

    def __init__(self, crowd: "Crowd", *, message_bytes: int) -> None:
        super().__init__(crowd)
        head = b"MSG %s 1 %d\r\n" % (self.SUBJECT, message_bytes)
        self._size = len(head) + message_bytes + len(b"\r\n")
        self._bytes = 0

    def upgraded(self) -> None:
        hello = b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB %s 1\r\nPING\r\n' % self.SUBJECT
        self.transport.write(masked(hello, opcode=2))

    def take(self, payload: bytes) -> int:
        if not self.ready.done():
            if payload.endswith(self.PONG):
                self.is_ready()
            return 0
        whole, self._bytes = divmod(self._bytes + len(payload), self._size)
        return whole


class SocketIOReceiver(Receiver):
    """A Socket.IO client. With a token it is ready when the server calls it authenticated, else when connected."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, crowd: "Crowd", token: str = "") -> None:
        super().__init__(crowd)
        self._hello = f'40{{"token":"{token}"}}'.encode() if token else b"40"
        self._welcome = b'42["authenticated"' if token else b"40"

    def upgraded(self) -> None:
        """The server speaks first."""

    def take(self, payload: bytes) -> int:
        if payload.startswith(EVENT):
            return 1
        if payload == b"2":
            self.send(b"3")
        elif payload.startswith(b"0"):
            self.send(self._hello)
        elif payload.startswith(self._welcome):
            self.is_ready()
        else:
            self.other(payload)
        return 0

    def other(self, payload: bytes) -> None:
        """A packet that is not needed for counting."""


class Crowd:
    """The receivers of one server, and what they have received together."""

    def __init__(self, port: int, make: Callable[["Crowd"], Receiver]) -> None:
        self._port = port
        self._make = make
        self._members: list[Receiver] = []
        self._received = 0
        self._awaited = 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: Lost | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, number: int) -> Any:
        return self._members[number]

    async def grow(self, number: int) -> None:
        """Connect so many more, a few at a time, until each is ready."""
        for start in range(0, number, CONNECTS_AT_ONCE):
            await asyncio.gather(*(self.add() for _ in range(min(CONNECTS_AT_ONCE, number - start))))

    async def add(self) -> Receiver:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                _, receiver = await loop.create_connection(lambda: self._make(self), "127.0.0.1", self._port)
                self._members.append(receiver)
                await receiver.ready
        except (OSError, TimeoutError) as failure:
            raise Lost(f"cannot connect: {failure!r}") from failure
        return receiver

    def expect(self, deliveries: int) -> None:
        """From now on, so many are awaited by `heard`."""
        self._awaited = self._received + deliveries
        self._done = asyncio.get_running_loop().create_future()

    async def heard(self) -> None:
        self.check()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._done
        except TimeoutError:
            raise Lost(f"{self._awaited - self._received} deliveries are missing") from None

    def check(self) -> None:
        """Raises Lost if anybody of it was."""
        if self._failure is not None:
            raise self._failure

    def count(self, deliveries: int) -> None:
        self._received += deliveries
        if self._received >= self._awaited and not self._done.done():
            self._done.set_result(None)

    def lost(self, receiver: Receiver, why: Lost) -> None:
        if receiver in self._members:
            self._failure = why
            if not self._done.done():
                self._done.set_exception(why)

    def close(self) -> None:
        members, self._members = self._members, []
        for receiver in members:
            receiver.transport.abort()


def masked(payload: bytes, *, opcode: int = 1) -> bytes:
    """A client's frame. Its key is zero, so that the payload stays as it is; the server unmasks it all the same."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def framed(payload: bytes) -> bytes:
    """A server's frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    return b"\x81" + length + payload


def _long(data: bytes, start: int, size: int) -> tuple[int, int]:
    """Start and size of a payload of 126 bytes and more."""
    if size == 126:
        return start + 2, int.from_bytes(data[start : start + 2], "big")
    return start + 8, int.from_bytes(data[start : start + 8], "big")
