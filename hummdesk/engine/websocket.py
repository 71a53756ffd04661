"""One WebSocket on an asyncio transport, with nothing held for it while it is idle: no task, no timer, no parser."""

import asyncio
import logging
import socket
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as Parser
from websockets.utils import apply_mask

from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.parcel import Parcel

quiet = logging.getLogger("hummdesk.engine.library")
quiet.setLevel(logging.ERROR)  # below it, the libraries write what clients sent

SLICE_BYTES = 4096
"""So much is given to the parser at once: a receiver that pauses gets no more than what is in it."""

_SMALL, _MEDIUM = 0x80 | 125, 0x80 | 126
"""The second byte of a masked frame: its length, or 126 when that follows in two bytes."""


Wire = socket.SocketType
"""The descriptor of a transport, which stays the transport's. Python's `send` on it costs the kernel a twentieth less
than a transport's `write()`; and it is safe for as long as `connection_lost` was not called, after which it is closed.
"""


class Receiver(Protocol):
    wire: Wire | None
    """The WebSocket's, as long as frames can be sent on it as they are and nothing waits in its transport."""

    def on_packet(self, data: str | bytes) -> None: ...
    def on_lost(self, *, overflown: bool = False) -> object: ...


class Shared:
    """What the WebSockets of one server have in common."""

    def __init__(self, *, max_bytes: int, max_buffered_bytes: int, close_seconds: float) -> None:
        self.max_bytes = max_bytes
        self.max_buffered_bytes = max_buffered_bytes
        self.closing: Deadlines[WebSocket] = Deadlines(close_seconds, WebSocket.abort)


class WebSocket(asyncio.Protocol):
    __slots__ = (
        "_extensions",
        "_fragments",
        "_parser",
        "_shared",
        "_transport",
        "_unread",
        "_wire",
        "is_paused",
        "receiver",
    )

    def __init__(self, shared: Shared, receiver: Receiver, extensions: Sequence[Extension] = ()) -> None:
        self.receiver: Receiver | None = receiver
        self._shared = shared
        self._extensions = extensions
        self._parser: Parser | None = None
        self._fragments: list[bytes] | None = None
        self._unread = b""
        self.is_paused = False

    def framed(self, parcels: Iterable[Parcel]) -> bytes:
        return b"".join(parcel.compressed_frame if self._extensions else parcel.frame for parcel in parcels)

    def write(self, frames: bytes) -> None:
        """Send now. If more waits than `max_buffered_bytes`, nobody waits for this client; it can come back.

        One large packet to a client that reads is no offence: what is sent after it is.
        """
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > self._shared.max_buffered_bytes:
            self._lose(overflown=True)
            self._transport.abort()
        else:
            self._transport.write(frames)

    @property
    def unread_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: CloseCode = CloseCode.NORMAL_CLOSURE) -> None:
        """Send what there is and say goodbye; nothing is received any more."""
        self._release()
        if self._transport.is_closing():
            return
        parser = self._parsing()
        if parser.state is OPEN:
            parser.send_close(code)
        self._shared.closing.start(self)
        self.is_paused = False
        self._transport.resume_reading()
        self._answer(parser)

    def abort(self) -> None:
        self._transport.abort()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self.is_paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        self.is_paused = False
        unread, self._unread = self._unread, b""
        self._read(unread)
        if not self.is_paused:
            self._transport.resume_reading()

    # What the transport calls ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # any wait is told
        self._wire = None if self._extensions else _wire(self._transport)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.is_paused:
            self._unread += data
        else:
            self._read(data)

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.wire = None

    def resume_writing(self) -> None:
        if self.receiver is not None and not self._transport.get_write_buffer_size():
            self.receiver.wire = self._wire

    def connection_lost(self, _: Exception | None) -> None:
        if self._wire is not None:
            self._wire.detach()
        self._shared.closing.cancel(self)
        self._parser = self._fragments = None
        self._unread = b""
        self._lose()

    def _release(self) -> Receiver | None:
        """Nothing that was received or sent later concerns the receiver."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.wire = None
        return receiver

    def _lose(self, *, overflown: bool = False) -> None:
        receiver = self._release()
        if receiver is not None:
            receiver.on_lost(overflown=overflown)

    # Reading --------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        at, end = 0, len(data)
        while at < end:
            if self.is_paused:
                self._unread = data[at:]
                return
            whole = _whole_text(data, at, self._shared.max_bytes) if self._parser is None else None
            if whole is not None:
                text, at = whole
                self._text(text)
            else:
                self._parse(data[at : at + SLICE_BYTES])
                at += SLICE_BYTES

    def _parsing(self) -> Parser:
        """The parser of everything but whole small texts; few connections ever need it."""
        if self._parser is None:
            self._parser = Parser(SERVER, max_size=self._shared.max_bytes, logger=quiet)
            self._parser.extensions = list(self._extensions)
        return self._parser

    def _parse(self, data: bytes) -> None:
        parser = self._parsing()
        parser.receive_data(data)
        for event in parser.events_received():
            if isinstance(event, Frame) and self.receiver is not None:
                self._frame(event)
        self._answer(parser)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._fragments = [b"t" if frame.opcode is Opcode.TEXT else b"b"]
        if self._fragments is None:
            return
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            kind, *parts = self._fragments
            self._fragments = None
            self._message(kind, b"".join(parts))

    def _message(self, kind: bytes, payload: bytes) -> None:
        if kind == b"t":
            self._text(payload)
        elif self.receiver is not None:
            self.receiver.on_packet(payload)

    def _text(self, payload: bytes) -> None:
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA)
            return
        if self.receiver is not None:
            self.receiver.on_packet(text)

    def _fail(self, code: CloseCode) -> None:
        receiver = self.receiver
        self.close(code)
        if receiver is not None:
            receiver.on_lost()

    def _answer(self, parser: Parser) -> None:
        """Write what the parser answers: pongs and the closing handshake. An empty piece is the end."""
        for piece in parser.data_to_send():
            if piece:
                self._transport.write(piece)
            else:
                self._end(parser)

    def _end(self, parser: Parser) -> None:
        """Close, but after a failure read on, since a reset could overtake the frame that says why."""
        if parser.close_rcvd is None and self._transport.can_write_eof():
            self._transport.write_eof()
            self._shared.closing.start(self)
        else:
            self._transport.close()
        self._lose()


def _wire(transport: asyncio.Transport) -> Wire | None:
    """None where the transport encrypts."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    own = transport.get_extra_info("socket")
    wire = Wire(own.family, own.type, own.proto, own.fileno())
    wire.setblocking(False)
    return wire


def _whole_text(data: bytes, at: int, max_bytes: int) -> tuple[bytes, int] | None:
    """The payload of the masked, unfragmented text that begins at `at`, and where it ends; None if it is not that."""
    if len(data) - at < 6 or data[at] != 0x81 or not 0x80 <= data[at + 1] <= _MEDIUM:
        return None
    length, start = data[at + 1] & 0x7F, at + 6
    if data[at + 1] > _SMALL:
        length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
    if length > max_bytes or len(data) < start + length:
        return None
    return apply_mask(data[start : start + length], data[start - 4 : start]), start + length
