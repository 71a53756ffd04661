"""The load: cheap raw WebSockets, the same for every server.

They split frames and compare their first bytes, but parse no payload and verify no frame: the engine's tests verify
conformance.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

EVENT = b'42["new_message"'
"""How each delivery begins, at every server."""

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONNECTS_AT_ONCE = 50
TIMEOUT_SECONDS = 60.0


class LoadError(Exception):
    """A server refused or closed a connection, or did not deliver in time."""


class Receiver(asyncio.Protocol):
    """One WebSocket that counts deliveries. `ready` resolves after the upgrade."""

    path = "/"

    def __init__(self, group: "ReceiverGroup") -> None:
        self.group = group
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._is_upgraded = False
        self._incomplete = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(UPGRADE.format(path=self.path, key=KEY).encode())

    def data_received(self, data: bytes) -> None:
        if self._incomplete:
            data = self._incomplete + data
        if not self._is_upgraded:
            data = self._read_response(data)
        at, end, deliveries = 0, len(data), 0
        while at + 2 <= end:
            start, size = at + 2, data[at + 1]
            if size > 125:
                if at + 10 > end:
                    break
                start, size = _extended_length(data, start, size)
            if start + size > end:
                break
            at = start + size
            deliveries += self.count_deliveries(data[start:at])
        self._incomplete = data[at:]
        if deliveries:
            self.group.add_deliveries(deliveries)

    def _read_response(self, data: bytes) -> bytes:
        """Return the bytes after the response to the handshake, once it is complete."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._incomplete = data
            return b""
        self._is_upgraded = True
        self._incomplete = b""
        if b" 101 " not in head.partition(b"\r\n")[0]:
            self.ready.set_exception(LoadError(f"the server refused the handshake: {head[:100]!r}"))
            return b""
        self.on_upgraded()
        return rest

    def on_upgraded(self) -> None:
        self.set_ready()

    def count_deliveries(self, payload: bytes) -> int:
        """Return the number of deliveries in the payload of a frame."""
        return payload.startswith(EVENT)

    def set_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def send(self, payload: bytes) -> None:
        self.transport.write(client_frame(payload))

    def connection_lost(self, _: Exception | None) -> None:
        error = LoadError("the server closed a connection")
        if not self.ready.done():
            self.ready.set_exception(error)
        self.group.fail(self, error)


class RawReceiver(Receiver):
    """Without a WebSocket handshake: the C loop sends finished frames at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._is_upgraded = True
        self.set_ready()


class NchanReceiver(Receiver):
    path = "/events"


class NatsReceiver(Receiver):
    """Subscribes to one subject. NATS may split a message, so bytes are counted; a rare PING is lost among them."""

    SUBJECT = b"desk"
    PONG = b"PONG\r\n"

    def __init__(self, group: "ReceiverGroup", *, message_bytes: int) -> None:
        super().__init__(group)
        head = b"MSG %s 1 %d\r\n" % (self.SUBJECT, message_bytes)
        self._size = len(head) + message_bytes + len(b"\r\n")
        self._bytes = 0

    def on_upgraded(self) -> None:
        hello = b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB %s 1\r\nPING\r\n' % self.SUBJECT
        self.transport.write(client_frame(hello, opcode=2))

    def count_deliveries(self, payload: bytes) -> int:
        if not self.ready.done():
            if payload.endswith(self.PONG):
                self.set_ready()
            return 0
        deliveries, self._bytes = divmod(self._bytes + len(payload), self._size)
        return deliveries


class SocketIOReceiver(Receiver):
    """A Socket.IO client. With a token it is ready after `authenticated`, without one after CONNECT."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, group: "ReceiverGroup", token: str = "") -> None:
        super().__init__(group)
        self._connect = f'40{{"token":"{token}"}}'.encode() if token else b"40"
        self._connected = b'42["authenticated"' if token else b"40"

    def on_upgraded(self) -> None:
        """Wait for the Engine.IO OPEN packet."""

    def count_deliveries(self, payload: bytes) -> int:
        if payload.startswith(EVENT):
            return 1
        if payload == b"2":
            self.send(b"3")
        elif payload.startswith(b"0"):
            self.send(self._connect)
        elif payload.startswith(self._connected):
            self.set_ready()
        else:
            self.on_other_packet(payload)
        return 0

    def on_other_packet(self, payload: bytes) -> None:
        """Handle a packet that is no delivery."""


R = TypeVar("R", bound=Receiver)


class ReceiverGroup:
    """The deliveries and the first failure of all receivers of a pool."""

    def __init__(self) -> None:
        self._received = 0
        self._expected = 0
        self._complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._error: LoadError | None = None
        self._is_closing = False

    def expect(self, deliveries: int) -> None:
        """Start to count: `wait_received` returns after this many deliveries."""
        self._expected = self._received + deliveries
        self._complete = asyncio.get_running_loop().create_future()

    async def wait_received(self) -> None:
        self.raise_error()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._complete
        except TimeoutError:
            raise LoadError(f"{self._expected - self._received} deliveries are missing") from None

    def raise_error(self) -> None:
        """Raise the first LoadError of a receiver, if there was one."""
        if self._error is not None:
            raise self._error

    def add_deliveries(self, deliveries: int) -> None:
        self._received += deliveries
        if self._received >= self._expected and not self._complete.done():
            self._complete.set_result(None)

    def fail(self, receiver: Receiver, error: LoadError) -> None:
        if not self._is_closing and receiver.ready.done() and receiver.ready.exception() is None:
            self._error = error
            if not self._complete.done():
                self._complete.set_exception(error)


class ReceiverPool(ReceiverGroup, Generic[R]):
    """The receivers of one server."""

    def __init__(self, port: int, create: Callable[[ReceiverGroup], R]) -> None:
        super().__init__()
        self._port = port
        self._create = create
        self._receivers: list[R] = []

    def __len__(self) -> int:
        return len(self._receivers)

    def __getitem__(self, index: int) -> R:
        return self._receivers[index]

    def __iter__(self) -> Iterator[R]:
        return iter(self._receivers)

    async def connect(self, count: int) -> None:
        """Connect this many receivers, CONNECTS_AT_ONCE at a time, until each is ready."""
        for start in range(0, count, CONNECTS_AT_ONCE):
            await asyncio.gather(*(self._connect_one() for _ in range(min(CONNECTS_AT_ONCE, count - start))))

    async def _connect_one(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                _, receiver = await loop.create_connection(lambda: self._create(self), "127.0.0.1", self._port)
                self._receivers.append(receiver)
                await receiver.ready
        except (OSError, TimeoutError) as error:
            raise LoadError(f"cannot connect: {error!r}") from error

    def close(self) -> None:
        self._is_closing = True
        for receiver in self._receivers:
            receiver.transport.abort()
        self._receivers = []


def client_frame(payload: bytes, *, opcode: int = 1) -> bytes:
    """A masked frame. Its key is zero, so that the payload does not change; the server unmasks it all the same."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def server_frame(payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    return b"\x81" + length + payload


def _extended_length(data: bytes, start: int, size: int) -> tuple[int, int]:
    """Return the start and the size of a payload of 126 bytes and more."""
    if size == 126:
        return start + 2, int.from_bytes(data[start : start + 2], "big")
    return start + 8, int.from_bytes(data[start : start + 8], "big")
