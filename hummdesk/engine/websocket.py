"""A server-side WebSocket as an asyncio protocol. An idle connection holds no task, no timer and no parser."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as WebSocketProtocol
from websockets.utils import apply_mask

from hummdesk.engine.budget import LIGHT_BYTES, LIGHT_SECONDS, MAX_LIGHT_FRAMES, Allowance, Buffers
from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.observer import CloseReason

library_logger = logging.getLogger("hummdesk.engine.library")
library_logger.setLevel(logging.ERROR)  # at lower levels the libraries log what clients send

SLICE_BYTES = 4096
"""The parser gets this much at once: after `pause_reading` the handler receives at most the packets of one slice."""

_SMALL, _MEDIUM = 0x80 | 125, 0x80 | 126
"""The second byte of a masked frame: its length, or 126 when the length follows in two bytes."""


DirectSocket = socket.SocketType
"""A socket object on the descriptor of a transport, which stays its owner. `send` on it costs 5 % less CPU time than
`write` of the transport. It is valid until `connection_lost`.
"""


class Parser(WebSocketProtocol):
    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        """Close with the code alone: the reason is a text of the library, and Node.js sends none."""
        super().fail(code)


class PacketHandler(Protocol):
    """Receives the packets of a WebSocket."""

    direct_socket: DirectSocket | None
    """Set while frames can be sent as they are: no encryption, no compression, an empty write buffer."""

    def on_packet(self, data: str | bytes) -> None: ...
    def on_connection_lost(self, reason: CloseReason = ..., /) -> object: ...


class WebSocketOptions:
    """The limits and the close timers that the WebSockets of a server share."""

    def __init__(
        self, *, max_bytes: int, max_buffered_bytes: int, close_seconds: float, buffers: Buffers | None = None
    ) -> None:
        self.max_bytes = max_bytes
        self.max_buffered_bytes = max_buffered_bytes
        self.buffers = buffers or Buffers()
        self.close_timeouts: Deadlines[WebSocket] = Deadlines(close_seconds, WebSocket.abort)


class WebSocket(asyncio.Protocol):
    __slots__ = (
        "_direct_socket",
        "_extensions",
        "_fragments",
        "_light_frames",
        "_options",
        "_parser",
        "_takes_binary",
        "_transport",
        "_unread",
        "handler",
        "is_reading_paused",
    )

    def __init__(
        self,
        options: WebSocketOptions,
        handler: PacketHandler,
        extensions: Sequence[Extension] = (),
        *,
        takes_binary: bool = True,
    ) -> None:
        """`takes_binary`: whether the client reads binary frames; it gets base64 otherwise."""
        self.handler: PacketHandler | None = handler
        self._options = options
        self._extensions = extensions
        self._takes_binary = takes_binary
        self._parser: Parser | None = None
        self._fragments: bytearray | None = None
        """The parts of an incomplete message, after `t` for text or `b` for binary."""
        self._light_frames: Allowance | None = None
        self._unread = b""
        self.is_reading_paused = False

    def frames_of(self, packets: Iterable[EncodedPacket]) -> bytes:
        """The packets as frames of this connection, compressed if that was negotiated."""
        if not self._takes_binary:
            return b"".join(packet.base64_frame for packet in packets)
        return b"".join(packet.compressed_frame if self._extensions else packet.frame for packet in packets)

    def write(self, frames: bytes) -> None:
        """Send now. Abort the connection if its write buffer already exceeds `max_buffered_bytes`.

        A single packet may exceed the limit; the next write finds the buffer too full unless the client reads.
        """
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > self._options.max_buffered_bytes:
            self.end(CloseReason.SLOW_READER)
            return
        self._transport.write(frames)
        if size := self._transport.get_write_buffer_size():
            self._options.buffers.sent.set(self, size)

    @property
    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def received_bytes(self) -> int:
        """The size of an incomplete message, and of what was read before reading paused."""
        size = len(self._unread) + len(self._fragments or b"")
        return size if self._parser is None else size + len(self._parser.reader.buffer)

    def close(self, code: CloseCode = CloseCode.NORMAL_CLOSURE) -> None:
        """Start the closing handshake after all buffered frames; ignore further packets."""
        self._detach_handler()
        if self._transport.is_closing():
            return
        parser = self._full_parser()
        if parser.state is OPEN:
            parser.send_close(code)
        self._options.close_timeouts.start(self)
        self.is_reading_paused = False
        self._transport.resume_reading()
        self._write_output(parser)

    def fail(self, code: CloseCode) -> None:
        """Send a close frame and read nothing more. The close timeout ends the connection."""
        self._detach_handler()
        if self._transport.is_closing():
            return
        parser = self._full_parser()
        parser.fail(code)
        self._write_output(parser)
        if not self._transport.is_closing():
            self.pause_reading()

    def end(self, reason: CloseReason) -> None:
        self._on_lost(reason)
        self._drop_received()
        self._transport.abort()

    def abort(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        self.is_reading_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self.is_reading_paused = False
        unread, self._unread = self._unread, b""
        if unread:
            self._read(unread)
            self._count_received()
        if not self.is_reading_paused:
            self._transport.resume_reading()

    # asyncio.Protocol -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # call pause_writing for any buffered byte
        self._direct_socket = None if self._extensions or not self._takes_binary else _direct_socket(self._transport)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.is_reading_paused:
            self._unread += data
            self._count_received()
        else:
            self._read(data)

    def pause_writing(self) -> None:
        if self.handler is not None:
            self.handler.direct_socket = None

    def resume_writing(self) -> None:
        if self._transport.get_write_buffer_size():
            return
        self._options.buffers.sent.discard(self)
        if self.handler is not None:
            self.handler.direct_socket = self._direct_socket

    def connection_lost(self, _: Exception | None) -> None:
        if self._direct_socket is not None:
            self._direct_socket.detach()
        self._options.close_timeouts.cancel(self)
        self._options.buffers.sent.discard(self)
        self._drop_received()
        self._on_lost()

    def _drop_received(self) -> None:
        """Free what was received, now: the parser is in a reference cycle, and would wait for the garbage collector."""
        self._options.buffers.received.discard(self)
        self._fragments, self._unread = None, b""
        parser, self._parser = self._parser, None
        if parser is not None:
            parser.reader.buffer.clear()
            parser.parser.close()

    def _detach_handler(self) -> PacketHandler | None:
        """Detach the handler: it gets no further packets or events."""
        handler, self.handler = self.handler, None
        if handler is not None:
            handler.direct_socket = None
        return handler

    def _on_lost(self, reason: CloseReason = CloseReason.TRANSPORT_CLOSE) -> None:
        handler = self._detach_handler()
        if handler is not None:
            handler.on_connection_lost(reason)

    # Reading --------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end:
            if self.is_reading_paused:
                self._unread = data[at:]
                self._count_received()
                return
            whole = _small_text_frame(data, at, self._options.max_bytes) if self._parser is None else None
            if whole is not None:
                text, at = whole
                self._on_text(text)
            else:
                self._parse(data[at : at + SLICE_BYTES])
                at += SLICE_BYTES
                if self._transport.is_closing():
                    return

    def _full_parser(self) -> Parser:
        """The full parser, created for the first frame that is not a complete small text; few connections need it."""
        if self._parser is None:
            self._parser = Parser(SERVER, max_size=self._options.max_bytes, logger=library_logger)
            self._parser.extensions = list(self._extensions)
        return self._parser

    def _parse(self, data: bytes) -> None:
        parser = self._full_parser()
        parser.receive_data(data)
        for event in parser.events_received():
            if isinstance(event, Frame) and self.handler is not None:
                self._on_frame(event)
            elif not parser.eof_sent:
                self._on_light_frame()  # of a client that goes on after the closing handshake has begun
        self._write_output(parser)
        self._count_received()

    def _count_received(self) -> None:
        """Count what was received and not handled against the limit of all connections."""
        size = self.received_bytes
        if size and not self._transport.is_closing():
            self._options.buffers.received.set(self, size)
        else:
            self._options.buffers.received.discard(self)

    def _on_frame(self, frame: Frame) -> None:
        is_data = frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
        if not is_data or (not frame.fin and len(frame.data) < LIGHT_BYTES):
            self._on_light_frame()
        if is_data:
            self._on_data(frame)

    def _on_light_frame(self) -> None:
        if self._light_frames is None:
            self._light_frames = Allowance()
        if not self._light_frames.take(time.monotonic(), number=MAX_LIGHT_FRAMES, seconds=LIGHT_SECONDS):
            handler = self.handler
            self.fail(CloseCode.POLICY_VIOLATION)
            if handler is not None:
                handler.on_connection_lost(CloseReason.FLOOD)

    def _on_data(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            if frame.fin:
                self._on_message(frame.opcode is Opcode.TEXT, bytes(frame.data))
                return
            self._fragments = bytearray(b"t" if frame.opcode is Opcode.TEXT else b"b")
        if self._fragments is None:
            return
        self._fragments += frame.data
        if frame.fin:
            fragments, self._fragments = self._fragments, None
            self._on_message(fragments.startswith(b"t"), bytes(memoryview(fragments)[1:]))

    def _on_message(self, is_text: bool, payload: bytes) -> None:
        if is_text:
            self._on_text(payload)
        elif self.handler is not None:
            self.handler.on_packet(payload)

    def _on_text(self, payload: bytes) -> None:
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            self._close_with_error(CloseCode.INVALID_DATA)
            return
        if self.handler is not None:
            self.handler.on_packet(text)

    def _close_with_error(self, code: CloseCode) -> None:
        handler = self.handler
        self.close(code)
        if handler is not None:
            handler.on_connection_lost(CloseReason.TRANSPORT_ERROR)

    def _write_output(self, parser: Parser) -> None:
        """Write the parser's output: pongs and the closing handshake. An empty piece means end of stream."""
        for piece in parser.data_to_send():
            if piece:
                self.write(piece)
            else:
                self._close_transport(parser)

    def _close_transport(self, parser: Parser) -> None:
        """Close the transport; after a failure keep reading, since a reset could discard the close frame.

        A client that does not read what is buffered is aborted after the close timeout.
        """
        self._options.close_timeouts.start(self)
        if parser.close_rcvd is None and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
        self._on_lost(CloseReason.TRANSPORT_CLOSE if parser.parser_exc is None else CloseReason.TRANSPORT_ERROR)


def _direct_socket(transport: asyncio.Transport) -> DirectSocket | None:
    """The transport's socket; None if the transport encrypts."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    own = transport.get_extra_info("socket")
    direct = DirectSocket(own.family, own.type, own.proto, own.fileno())
    direct.setblocking(False)
    return direct


def _small_text_frame(data: bytes, at: int, max_bytes: int) -> tuple[bytes, int] | None:
    """The payload of the complete, masked, unfragmented text frame at `at`, and the frame's end; None for any other."""
    if len(data) - at < 6 or data[at] != 0x81 or not 0x80 <= data[at + 1] <= _MEDIUM:
        return None
    length, start = data[at + 1] & 0x7F, at + 6
    if data[at + 1] > _SMALL:
        length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
    if length > max_bytes or len(data) < start + length:
        return None
    return apply_mask(data[start : start + length], data[start - 4 : start]), start + length
