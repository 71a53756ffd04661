"""WebSocket frames in and out of a fake transport."""

import gc
import weakref
from collections.abc import Callable

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from hummdesk.engine.budget import LIGHT_BYTES, MAX_LIGHT_FRAMES, Buffers
from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.observer import CloseReason
from hummdesk.engine.websocket import DirectSocket, WebSocket, WebSocketOptions
from tests.unit.engine.conftest import FakeClock, FakeTransport

MAX_BYTES = 100_000
CLOSE_SECONDS = 2.0


class FakeHandler:
    direct_socket: DirectSocket | None = None

    def __init__(self) -> None:
        self.packets: list[str | bytes] = []
        self.losses: list[CloseReason] = []
        self.on_each: Callable[[], None] = lambda: None

    def on_packet(self, data: str | bytes) -> None:
        self.packets.append(data)
        self.on_each()

    def on_connection_lost(self, reason: CloseReason = CloseReason.TRANSPORT_CLOSE) -> None:
        self.losses.append(reason)


@pytest.fixture
def handler() -> FakeHandler:
    return FakeHandler()


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def websocket(clock: FakeClock, handler: FakeHandler, transport: FakeTransport) -> WebSocket:
    options = WebSocketOptions(max_bytes=MAX_BYTES, max_buffered_bytes=1000, close_seconds=CLOSE_SECONDS)
    websocket = WebSocket(options, handler)
    websocket.connection_made(transport)
    return websocket


def frame(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


def text(data: str) -> bytes:
    return frame(Opcode.TEXT, data.encode())


def sent_frames(transport: FakeTransport) -> list[tuple[Opcode, bytes]]:
    parser = Protocol(CLIENT, max_size=None)
    parser.receive_data(transport.take_written())
    return [(event.opcode, bytes(event.data)) for event in parser.events_received() if isinstance(event, Frame)]


def close_codes(transport: FakeTransport) -> list[int]:
    """The codes of close frames, which have nothing else: no reason."""
    return [int.from_bytes(data, "big") for opcode, data in sent_frames(transport) if opcode is Opcode.CLOSE]


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 5000, 65_535, 65_536, MAX_BYTES - 1])
def test_message_of_any_size_reaches_the_handler(websocket: WebSocket, handler: FakeHandler, size: int) -> None:
    websocket.data_received(text("4" + "x" * size))
    websocket.data_received(frame(Opcode.BINARY, b"\xff" * size))
    assert handler.packets == ["4" + "x" * size, b"\xff" * size]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 4095, 1 << 20])
def test_frames_in_pieces_of_any_size_are_reassembled(websocket: WebSocket, handler: FakeHandler, piece: int) -> None:
    messages = [f"4{number}" + "€" * number for number in range(150)]
    data = b"".join(map(text, messages))
    for start in range(0, len(data), piece):
        websocket.data_received(data[start : start + piece])
    assert handler.packets == messages


def test_fragments_with_a_ping_between_them_are_joined(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport
) -> None:
    encoded = "4h€".encode()
    websocket.data_received(frame(Opcode.TEXT, encoded[:3], fin=False) + frame(Opcode.PING, b"here"))
    websocket.data_received(frame(Opcode.CONT, b"", fin=False) + frame(Opcode.CONT, encoded[3:]))
    assert handler.packets == ["4h€"]
    assert sent_frames(transport) == [(Opcode.PONG, b"here")]


@pytest.mark.parametrize("uses_parser", [False, True])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(Opcode.TEXT, b"4" + b"x" * MAX_BYTES), 1009),
        (frame(Opcode.TEXT, b"4\xff"), 1007),
        (frame(Opcode.TEXT, b"4x", mask=False), 1002),
        (frame(Opcode.CONT, b"x"), 1002),
        (frame(Opcode.CLOSE, b"\x03"), 1002),
        (frame(Opcode.CLOSE, (4000).to_bytes(2, "big")), 4000),
    ],
    ids=["too large", "not UTF-8", "not masked", "continues nothing", "close of one byte", "close"],
)
def test_invalid_data_closes_with_the_code_of_the_protocol(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport, data: bytes, code: int, uses_parser: bool
) -> None:
    if uses_parser:
        websocket.data_received(frame(Opcode.PING, b""))
        transport.take_written()
    websocket.data_received(data + text("4after"))
    assert close_codes(transport) == [code]
    assert handler.packets == []
    assert handler.losses == [CloseReason.TRANSPORT_CLOSE if code == 4000 else CloseReason.TRANSPORT_ERROR]


def test_close_sends_the_close_frame_and_ignores_later_packets(
    clock: FakeClock, websocket: WebSocket, handler: FakeHandler, transport: FakeTransport
) -> None:
    websocket.close()
    assert close_codes(transport) == [1000]
    websocket.data_received(text("4late"))
    assert (handler.packets, handler.losses) == ([], [])
    clock.advance(CLOSE_SECONDS)
    assert transport.calls[-1] == "abort"


def test_close_with_a_reply_in_time_does_not_abort(
    clock: FakeClock, websocket: WebSocket, transport: FakeTransport
) -> None:
    websocket.close()
    websocket.data_received(frame(Opcode.CLOSE, (1000).to_bytes(2, "big")))
    assert transport.calls[-1] == "close"
    websocket.connection_lost(None)
    clock.advance(CLOSE_SECONDS)
    assert "abort" not in transport.calls


def test_pause_reading_holds_packets_back_until_resumed(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport
) -> None:
    handler.on_each = lambda: websocket.pause_reading() if len(handler.packets) == 2 else None
    websocket.data_received(b"".join(text(f"4{number}") for number in range(5)))
    websocket.data_received(text("45"))
    assert handler.packets == ["40", "41"]
    websocket.resume_reading()
    assert handler.packets == [f"4{number}" for number in range(6)]
    assert transport.calls[-2:] == ["pause_reading", "resume_reading"]


def test_write_with_a_full_buffer_aborts_and_reports_the_overflow(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport
) -> None:
    transport.buffered = 1000
    websocket.write(EncodedPacket("4" + "x" * 5000).frame)
    assert len(transport.take_written()) > 5000
    transport.buffered = 1001
    websocket.write(EncodedPacket("4more").frame)
    assert transport.written == b""
    assert transport.calls[-1] == "abort"
    assert handler.losses == [CloseReason.SLOW_READER]
    websocket.connection_lost(None)
    assert handler.losses == [CloseReason.SLOW_READER]


def test_lost_connection_is_reported_once(websocket: WebSocket, handler: FakeHandler) -> None:
    websocket.connection_lost(ConnectionResetError())
    assert handler.losses == [CloseReason.TRANSPORT_CLOSE]
    assert websocket.handler is None


def test_pongs_that_are_not_read_end_at_the_limit_of_the_write_buffer(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport
) -> None:
    transport.buffered = 1001
    websocket.data_received(frame(Opcode.PING, b"x" * 125) * 3)
    assert transport.written == b""
    assert transport.calls[-1] == "abort"
    assert handler.losses == [CloseReason.SLOW_READER]


LIGHT = {
    "pings": frame(Opcode.PING, b""),
    "pongs": frame(Opcode.PONG, b"x"),
    "empty continuations": frame(Opcode.CONT, b"", fin=False),
    "tiny continuations": frame(Opcode.CONT, b"x", fin=False),
}


@pytest.mark.parametrize("light", LIGHT.values(), ids=LIGHT)
def test_flood_of_light_frames_closes_and_stops_reading(
    websocket: WebSocket, handler: FakeHandler, transport: FakeTransport, clock: FakeClock, light: bytes
) -> None:
    websocket.data_received(frame(Opcode.TEXT, b"4" * LIGHT_BYTES, fin=False))
    websocket.data_received(light * MAX_LIGHT_FRAMES)
    assert handler.losses == []
    websocket.data_received(light * 100_000)
    assert close_codes(transport) == [1008]
    assert handler.losses == [CloseReason.FLOOD]
    assert "pause_reading" in transport.calls
    clock.advance(CLOSE_SECONDS)
    assert transport.calls[-1] == "abort"


def test_empty_continuations_occupy_nothing(websocket: WebSocket) -> None:
    websocket.data_received(frame(Opcode.TEXT, b"4", fin=False) + frame(Opcode.CONT, b"", fin=False) * 100)
    assert websocket.received_bytes == len(b"t4")


def test_large_fragments_are_no_flood(websocket: WebSocket, handler: FakeHandler) -> None:
    fragments = [frame(Opcode.CONT, b"x" * LIGHT_BYTES, fin=False)] * 1000
    websocket.data_received(b"".join([frame(Opcode.TEXT, b"4", fin=False), *fragments, frame(Opcode.CONT, b"")]))
    assert handler.packets == ["4" + "x" * 1000 * LIGHT_BYTES]


def test_frames_after_the_close_frame_are_not_parsed_without_end(
    websocket: WebSocket, transport: FakeTransport
) -> None:
    websocket.close()
    for _ in range(10):
        websocket.data_received(text("4x") * 100)
    assert "pause_reading" in transport.calls


def test_client_that_closes_and_does_not_read_is_aborted(
    websocket: WebSocket, transport: FakeTransport, clock: FakeClock
) -> None:
    transport.buffered = 500
    websocket.data_received(frame(Opcode.CLOSE, (1000).to_bytes(2, "big")))
    assert transport.calls[-1] == "close"
    clock.advance(CLOSE_SECONDS)
    assert transport.calls[-1] == "abort"


def test_incomplete_messages_of_all_connections_are_limited(clock: FakeClock) -> None:
    options = WebSocketOptions(
        max_bytes=MAX_BYTES, max_buffered_bytes=1000, close_seconds=CLOSE_SECONDS, buffers=Buffers(max_received=100_000)
    )
    handlers, sockets = [FakeHandler() for _ in range(5)], []
    for handler in handlers:
        websocket = WebSocket(options, handler)
        websocket.connection_made(FakeTransport())
        sockets.append(websocket)
    for websocket in sockets:
        websocket.data_received(frame(Opcode.BINARY, b"x" * 30_000)[:-1])
        assert options.buffers.received.total <= 100_000
    assert [handler.losses for handler in handlers] == [[CloseReason.EVICTED]] * 2 + [[]] * 3
    for websocket in sockets:
        websocket.connection_lost(None)
    assert options.buffers.received.total == 0


def test_write_buffers_of_all_connections_are_limited(clock: FakeClock) -> None:
    options = WebSocketOptions(
        max_bytes=MAX_BYTES, max_buffered_bytes=1000, close_seconds=CLOSE_SECONDS, buffers=Buffers(max_sent=2000)
    )
    handlers, sockets = [FakeHandler() for _ in range(3)], []
    for handler in handlers:
        websocket, transport = WebSocket(options, handler), FakeTransport()
        websocket.connection_made(transport)
        transport.buffered = 900
        websocket.write(b"x")
        sockets.append((websocket, transport))
    assert [handler.losses for handler in handlers] == [[CloseReason.SLOW_READER]] * 2 + [[]]
    websocket, transport = sockets[-1]
    transport.buffered = 0
    websocket.resume_writing()
    assert options.buffers.sent.total == 0


@pytest.mark.parametrize("end", ["connection_lost", "end"])
def test_incomplete_message_is_freed_without_the_garbage_collector(
    websocket: WebSocket, transport: FakeTransport, end: str
) -> None:
    websocket.data_received(frame(Opcode.BINARY, b"x" * 50_000)[:-1])
    parser = weakref.ref(websocket._full_parser())
    gc.disable()
    try:
        websocket.connection_lost(None) if end == "connection_lost" else websocket.end(CloseReason.EVICTED)
        assert parser() is None
    finally:
        gc.enable()


def test_bytes_that_were_read_before_a_pause_are_counted(websocket: WebSocket, handler: FakeHandler) -> None:
    received = websocket._options.buffers.received
    handler.on_each = websocket.pause_reading
    websocket.data_received(text("4x") * 100)
    websocket.data_received(text("4y") * 100)
    assert (len(handler.packets), received.total) == (1, 199 * len(text("4x")))
    handler.on_each = lambda: None
    websocket.resume_reading()
    assert (len(handler.packets), received.total) == (200, 0)
