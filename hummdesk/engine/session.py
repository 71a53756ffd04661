"""One Engine.IO session: its transport, its inbox and the state of its connection."""

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from sys import getsizeof
from typing import Any, Protocol

from websockets.frames import CloseCode

from hummdesk.engine.budget import LIGHT_SECONDS, MAX_LIGHT_FRAMES, Allowance, Buffers
from hummdesk.engine.coalescer import WriteCoalescer
from hummdesk.engine.encoding import CLOSE, NOOP, EncodedPacket
from hummdesk.engine.observer import CloseReason, ConnectionState
from hummdesk.engine.polling import PollBuffer
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import DirectSocket, WebSocket

MAX_PENDING = 64
"""When this many messages of a session wait for their handler, its connection is not read any further."""

MAX_CONNECTS, CONNECT_SECONDS = 64, 60.0
"""A client that sends more CONNECT packets in this time is closed; each one may run the application's handler."""

SLICE_SECONDS = 0.001
"""After so long the handlers of one session's messages let those of others run, though none of them has waited."""
UNCOUNTED_BYTES = 4096
"""A smaller inbox is not counted against the limit of all connections."""

_DISCONNECT = object()
"""The last item of every inbox."""


class SessionServer(Protocol):
    """What a session needs of its server."""

    coalescer: WriteCoalescer
    buffers: Buffers
    max_buffered_bytes: int
    max_http_buffer_size: int

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None: ...
    def on_pong(self, session: "Session") -> None: ...
    def on_closing(self, session: "Session") -> None: ...
    def on_probe_ended(self, probe: UpgradeProbe) -> None: ...
    async def on_message(self, session: "Session", message: Any) -> None: ...
    async def on_disconnect(self, session: "Session", reason: CloseReason) -> None: ...


class Session:
    """A session, in python-engineio a socket. Its transport is polling until it has a WebSocket."""

    __slots__ = (
        "__weakref__",
        "_connect_packets",
        "_inbox",
        "_inbox_bytes",
        "_inbox_capacity",
        "_is_counted",
        "_is_waiting",
        "_light_packets",
        "_pending_poll",
        "_poll_buffer",
        "_server",
        "awaits_pong",
        "closed",
        "closing",
        "direct_socket",
        "is_posting",
        "network",
        "probe",
        "reason",
        "session",
        "sid",
        "state",
        "upgraded",
        "websocket",
    )

    def __init__(self, server: SessionServer, sid: str, network: str = "") -> None:
        """`network`: the client's address, as `network_of` returns it."""
        self.sid = sid
        self.network = network
        self.state: ConnectionState | None = None
        self.session: dict[str, Any] = {}
        self.websocket: WebSocket | None = None
        self.direct_socket: DirectSocket | None = None
        self.probe: UpgradeProbe | None = None
        self.upgraded = self.closing = self.closed = False
        self.awaits_pong = self.is_posting = False
        self.reason: CloseReason | None = None
        self._server = server
        self._poll_buffer: PollBuffer | None = None
        self._pending_poll: asyncio.Future[None] | None = None
        self._inbox: deque[Any] | None = None
        self._inbox_bytes = 0
        self._is_counted = self._is_waiting = False
        """Whether the inbox counts against the limit of all connections; whether reading waits until it is half empty.
        """
        self._light_packets: Allowance | None = None
        self._connect_packets: Allowance | None = None
        self._inbox_capacity: asyncio.Future[None] | None = None
        """Pending while a POST waits for a full inbox."""

    # Sending --------------------------------------------------------------------------------------------------------

    def post(self, packet: EncodedPacket) -> None:
        """Send at the end of this tick of the event loop, or with the next poll."""
        self._server.coalescer.add([self], packet)

    async def send(self, packet: Any) -> None:
        """Send a packet of python-engineio."""
        self.post(EncodedPacket(packet.encode()))

    def write_packets(self, packets: Sequence[EncodedPacket]) -> None:
        """Write packets that cannot go to the direct socket: compressed, behind others in a buffer, or for a poll."""
        if self.websocket is not None:
            self.websocket.write(self.websocket.frames_of(packets))
        elif self.buffered_bytes > self._server.max_buffered_bytes:
            self.end(CloseReason.SLOW_READER)
        elif not self.closing:
            self._buffer(packets)

    def write_remainder(self, frames: bytes) -> None:
        if self.websocket is not None:
            self.websocket.write(frames)

    @property
    def buffered_bytes(self) -> int:
        """The size of the write buffer: packets that the client has not read or polled yet."""
        if self.websocket is not None:
            return self.websocket.buffered_bytes
        return 0 if self._poll_buffer is None else self._poll_buffer.byte_count

    @property
    def received_bytes(self) -> int:
        """The size of the inbox: messages that wait for their handler."""
        return self._inbox_bytes

    def _buffer(self, packets: Sequence[EncodedPacket]) -> None:
        if self._poll_buffer is None:
            self._poll_buffer = PollBuffer()
        self._poll_buffer.extend(packets)
        self._count_buffered()
        self.answer_poll()

    def _count_buffered(self) -> None:
        """Count the packets that wait for a poll against the limit of all connections."""
        if self._poll_buffer:
            self._server.buffers.sent.set(self, self._poll_buffer.byte_count)
        else:
            self._server.buffers.sent.discard(self)

    # Polling and upgrade --------------------------------------------------------------------------------------------

    @property
    def is_polled(self) -> bool:
        return self._pending_poll is not None

    def answer_poll(self) -> None:
        """Answer the pending poll, with a NOOP if the buffer is empty."""
        if self._pending_poll is not None and not self._pending_poll.done():
            self._pending_poll.set_result(None)

    async def poll(self, *, max_bytes: int) -> bytes:
        """Return the payload of a poll; wait for a packet if the buffer is empty."""
        self._server.coalescer.flush()
        if not self._poll_buffer and not self.closing and not self._is_upgrading():
            self._pending_poll = asyncio.get_running_loop().create_future()
            try:
                await self._pending_poll
            except asyncio.CancelledError:
                self.close(CloseReason.TRANSPORT_CLOSE)
                raise
            finally:
                self._pending_poll = None
        if self._is_upgrading() or self._poll_buffer is None:
            return NOOP.polling_payload
        payload = self._poll_buffer.take_payload(max_bytes)
        self._count_buffered()
        return payload

    def _is_upgrading(self) -> bool:
        return self.upgraded or (self.probe is not None and self.probe.is_confirmed)

    def switch_to(self, websocket: WebSocket) -> bytes:
        """Make a WebSocket the transport; return the frames of the buffered packets, which must be written first."""
        self._server.coalescer.flush()
        self.websocket, self.upgraded = websocket, True
        websocket.handler = self
        buffer, self._poll_buffer = self._poll_buffer, None
        self._count_buffered()
        self.answer_poll()
        return b"" if buffer is None else websocket.frames_of(buffer.take_all())

    def on_probe_ended(self, probe: UpgradeProbe) -> None:
        if self.probe is probe:
            self.probe = None
        self._server.on_probe_ended(probe)

    # Receiving ------------------------------------------------------------------------------------------------------

    def on_packet(self, data: str | bytes) -> None:
        if self.closing:
            return
        kind = data[:1]
        if isinstance(data, bytes) or kind == "4":
            self._receive(data)
        elif kind == "3" and self.awaits_pong:
            self._server.on_pong(self)
        elif kind in ("3", "6"):
            self.on_light_packet()
        elif kind == "1":
            self.close(CloseReason.CLIENT_DISCONNECT)
        elif kind == "b":
            self._receive_base64(data)
        else:
            self.close(CloseReason.TRANSPORT_ERROR)

    def on_light_packet(self) -> None:
        """Close the session of a client that sends too many packets without content."""
        if self._light_packets is None:
            self._light_packets = Allowance()
        if not self._light_packets.take(time.monotonic(), number=MAX_LIGHT_FRAMES, seconds=LIGHT_SECONDS):
            self.close(CloseReason.FLOOD)

    def allows_connect(self) -> bool:
        """Count a Socket.IO CONNECT packet; close the session of a client that sends too many."""
        if self._connect_packets is None:
            self._connect_packets = Allowance()
        is_allowed = self._connect_packets.take(time.monotonic(), number=MAX_CONNECTS, seconds=CONNECT_SECONDS)
        if not is_allowed:
            self.close(CloseReason.FLOOD)
        return is_allowed

    def _receive_base64(self, packet: str) -> None:
        """Receive a binary message of a client with the option `forceBase64`."""
        try:
            self._receive(base64.b64decode(packet[1:], validate=True))
        except ValueError:
            self.close(CloseReason.TRANSPORT_ERROR)

    def on_connection_lost(self, reason: CloseReason = CloseReason.TRANSPORT_CLOSE) -> None:
        """Close the session of a WebSocket that was lost, or that closes itself for another reason."""
        self.websocket = None
        self.close(reason)

    async def wait_for_capacity(self) -> None:
        """Wait until the inbox has capacity for another message."""
        while self._is_full() and not self.closing:
            if self._inbox_capacity is None:
                self._inbox_capacity = asyncio.get_running_loop().create_future()
            self._is_waiting = True
            await asyncio.shield(self._inbox_capacity)

    def _is_full(self) -> bool:
        """Whether no further message is read: the inbox has the largest number of messages or bytes.

        The last message may exceed the bytes by its own size.
        """
        if self._inbox is None:
            return False
        return len(self._inbox) >= MAX_PENDING or self._inbox_bytes >= self._server.max_http_buffer_size

    def _receive(self, packet: Any) -> None:
        self._inbox_bytes += getsizeof(packet)
        if self._inbox is None:
            self._inbox = deque((packet,))
            self._server.start_task(self._handle_inbox())
        else:
            self._inbox.append(packet)
            if len(self._inbox) >= MAX_PENDING or self._inbox_bytes >= self._server.max_http_buffer_size:
                self._pause_receiving()
        if self._inbox_bytes > UNCOUNTED_BYTES and not self.closing:
            self._is_counted = True
            self._server.buffers.received.set(self, self._inbox_bytes)

    def _pause_receiving(self) -> None:
        if self.websocket is not None and not self.websocket.is_reading_paused:
            self.websocket.pause_reading()
            self._is_waiting = True

    async def _handle_inbox(self) -> None:
        inbox = self._inbox
        began = time.monotonic()
        while inbox:
            packet = inbox[0]
            if packet is _DISCONNECT and self.reason is not None:
                await self._server.on_disconnect(self, self.reason)
            else:
                await self._server.on_message(self, _message_data(packet))
            inbox.popleft()
            self._inbox_bytes -= getsizeof(packet)
            if self._is_waiting and self._is_half_empty():
                self._resume_receiving()
            if inbox and time.monotonic() - began > SLICE_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()
        self._inbox = None
        if self._is_counted:
            self._is_counted = False
            self._server.buffers.received.discard(self)

    def _is_half_empty(self) -> bool:
        if self._inbox is None:
            return True
        return len(self._inbox) <= MAX_PENDING // 2 and self._inbox_bytes <= self._server.max_http_buffer_size // 2

    def _resume_receiving(self) -> None:
        self._is_waiting = False
        if self.websocket is not None:
            self.websocket.resume_reading()
        self._release_post()

    def _release_post(self) -> None:
        if self._inbox_capacity is not None:
            self._inbox_capacity.set_result(None)
            self._inbox_capacity = None

    @property
    def is_reading_paused(self) -> bool:
        """Whether the connection is not read because the inbox is full; a pong may wait there."""
        return self._inbox_capacity is not None or (self.websocket is not None and self.websocket.is_reading_paused)

    # Closing --------------------------------------------------------------------------------------------------------

    def close(self, reason: CloseReason) -> None:
        """End the session; `disconnect` is handled after all messages that have arrived."""
        if self.closing:
            return
        self._server.coalescer.flush()
        self.closing, self.reason = True, reason
        websocket, self.websocket = self.websocket, None
        if websocket is not None and reason is CloseReason.FLOOD:
            websocket.fail(CloseCode.POLICY_VIOLATION)
        elif websocket is not None:
            websocket.close()
        elif not self.upgraded and self._needs_close_packet(reason):
            self._buffer([CLOSE])
        self.answer_poll()
        if self.probe is not None:
            self.probe.abort()
        self._release_post()
        self._server.on_closing(self)
        self._receive(_DISCONNECT)

    def end(self, reason: CloseReason) -> None:
        """Close the session without waiting for the client; drop what it has not read.

        To evict it, its messages that wait for their handler are dropped too.
        """
        if self.websocket is None:
            self._poll_buffer = None  # also of a closed session that waits for its last poll
        if self.closing:
            return
        while reason is CloseReason.EVICTED and self._inbox is not None and len(self._inbox) > 1:
            self._inbox_bytes -= getsizeof(self._inbox.pop())
        if self.websocket is not None:
            self.websocket.end(reason)
        else:
            self.close(reason)

    def _needs_close_packet(self, reason: CloseReason) -> bool:
        """Whether a polling client gets a CLOSE packet: always from the server, else only in the pending poll."""
        if reason.is_by_server:
            return True
        return self.is_polled and reason is not CloseReason.CLIENT_DISCONNECT


def _message_data(packet: str | bytes) -> Any:
    """The data of a message as python-engineio passes it on: JSON is parsed, unless it begins with a digit."""
    if isinstance(packet, bytes):
        return packet
    if packet[1:2].isnumeric():
        return packet[1:]
    try:
        return json.loads(packet[1:])
    except (ValueError, RecursionError):
        return packet[1:]
