"""A session with a fake server: transports, inbox and closing."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from hummdesk.engine.budget import MAX_LIGHT_FRAMES, Buffers
from hummdesk.engine.coalescer import WriteCoalescer
from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.observer import CloseReason
from hummdesk.engine.session import MAX_PENDING, SLICE_SECONDS, Session
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import WebSocket, WebSocketOptions
from tests.unit.engine.conftest import FakeTransport

MAX_BUFFERED = 1000
MAX_MESSAGE = 100_000


class FakeServer:
    """Records what a session reports. Messages are handled while `gate` is set."""

    def __init__(self) -> None:
        self.coalescer = WriteCoalescer()
        self.max_buffered_bytes = MAX_BUFFERED
        self.max_http_buffer_size = MAX_MESSAGE
        self.buffers = Buffers()
        self.gate = asyncio.Event()
        self.gate.set()
        self.handled: list[Any] = []
        self.calls: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_handled(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def on_pong(self, session: Session) -> None:
        self.calls.append("on_pong")

    def on_closing(self, session: Session) -> None:
        self.calls.append("on_closing")

    def on_probe_ended(self, probe: UpgradeProbe) -> None:
        self.calls.append("on_probe_ended")

    async def on_message(self, session: Session, message: Any) -> None:
        await self.gate.wait()
        self.handled.append(message)

    async def on_disconnect(self, session: Session, reason: CloseReason) -> None:
        self.handled.append(("disconnect", reason))


@pytest.fixture
async def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def session(server: FakeServer) -> Session:
    return Session(server, "sid")


@pytest.fixture
async def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def connected(session: Session, transport: FakeTransport) -> Session:
    """A session with a WebSocket."""
    options = WebSocketOptions(max_bytes=1000, max_buffered_bytes=MAX_BUFFERED, close_seconds=2)
    websocket = WebSocket(options, session)
    websocket.connection_made(transport)
    session.switch_to(websocket)
    return session


def packet(text: str) -> EncodedPacket:
    return EncodedPacket(text)


async def test_poll_returns_the_packets_posted_before_it(session: Session) -> None:
    session.post(packet("4a"))
    session.post(packet("4b"))
    assert await session.poll(max_bytes=1000) == b"4a\x1e4b"


async def test_pending_poll_returns_the_next_packet(session: Session) -> None:
    poll = asyncio.create_task(session.poll(max_bytes=1000))
    await asyncio.sleep(0)
    was_polled = session.is_polled
    session.post(packet("4a"))
    assert await poll == b"4a"
    assert (was_polled, session.is_polled) == (True, False)


async def test_cancelled_poll_closes_the_session(session: Session, server: FakeServer) -> None:
    poll = asyncio.create_task(session.poll(max_bytes=1000))
    await asyncio.sleep(0)
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll
    await server.wait_handled()
    assert server.handled == [("disconnect", CloseReason.TRANSPORT_CLOSE)]


async def test_switch_to_websocket_returns_the_buffered_frames_and_empties_the_buffer(
    session: Session, transport: FakeTransport
) -> None:
    session.post(packet("4a"))
    websocket = WebSocket(WebSocketOptions(max_bytes=1, max_buffered_bytes=1, close_seconds=1), session)
    websocket.connection_made(transport)
    assert session.switch_to(websocket) == packet("4a").frame
    assert (session.upgraded, session.buffered_bytes) == (True, 0)
    session.post(packet("4b"))
    await asyncio.sleep(0)
    assert transport.written == packet("4b").frame


async def test_confirmed_probe_makes_polls_return_a_noop(session: Session) -> None:
    session.probe = UpgradeProbe(session)
    session.probe.is_confirmed = True
    session.post(packet("4a"))
    assert await session.poll(max_bytes=1000) == b"6"


async def test_poll_buffer_over_the_limit_closes_the_session(session: Session, server: FakeServer) -> None:
    session.post(packet("4" + "x" * MAX_BUFFERED))
    server.coalescer.flush()
    was_closing = session.closing
    session.post(packet("4next"))
    server.coalescer.flush()
    assert (was_closing, session.closing) == (False, True)
    assert session.reason == CloseReason.SLOW_READER
    await server.wait_handled()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("4hello", "hello"),
        ('4{"a":1}', {"a": 1}),
        ('42["x"]', '2["x"]'),
        ("4", ""),
        ("4[", "["),
        ("4" + "[" * 10_000, "[" * 10_000),
        (b"\x01", b"\x01"),
    ],
)
async def test_message_packet_is_handled_with_its_data(
    session: Session, server: FakeServer, data: str | bytes, message: Any
) -> None:
    session.on_packet(data)
    await server.wait_handled()
    assert server.handled == [message]


async def test_pong_and_noop_packets_are_no_messages(session: Session, server: FakeServer) -> None:
    session.awaits_pong = True
    session.on_packet("3")
    session.on_packet("6")
    await server.wait_handled()
    assert (server.calls, server.handled) == (["on_pong"], [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [("1", CloseReason.CLIENT_DISCONNECT), ("5", CloseReason.TRANSPORT_ERROR), ("", CloseReason.TRANSPORT_ERROR)],
)
async def test_close_and_invalid_packets_close_the_session(
    session: Session, server: FakeServer, data: str, reason: CloseReason
) -> None:
    session.on_packet("4before")
    session.on_packet(data)
    session.on_packet("4after")
    await server.wait_handled()
    assert server.handled == ["before", ("disconnect", reason)]
    assert server.calls == ["on_closing"]


async def test_handlers_that_never_wait_let_those_of_other_sessions_run() -> None:
    class BusyServer(FakeServer):
        async def on_message(self, session: Session, message: Any) -> None:
            until = time.thread_time() + 2 * SLICE_SECONDS
            while time.thread_time() < until:
                pass
            self.handled.append(message)

    busy = BusyServer()
    first, second = Session(busy, "1"), Session(busy, "2")
    for number in range(3):
        first.on_packet(f"4a{number}")
    second.on_packet("4b")
    await busy.wait_handled()
    assert busy.handled == ["a0", "b", "a1", "a2"]


async def test_full_inbox_pauses_reading_until_half_is_handled(
    connected: Session, server: FakeServer, transport: FakeTransport
) -> None:
    server.gate.clear()
    paused_after = []
    for number in range(MAX_PENDING):
        connected.on_packet(f"4m{number}")
        paused_after += [number] if connected.is_reading_paused else []
    assert paused_after == [MAX_PENDING - 1]
    server.gate.set()
    await server.wait_handled()
    assert server.handled == [f"m{number}" for number in range(MAX_PENDING)]
    assert not connected.is_reading_paused
    assert transport.calls.index("pause_reading") < transport.calls.index("resume_reading")


async def test_wait_for_capacity_waits_until_half_of_the_inbox_is_handled(session: Session, server: FakeServer) -> None:
    server.gate.clear()
    for number in range(MAX_PENDING):
        await session.wait_for_capacity()
        session.on_packet(f"4m{number}")
    waiting = asyncio.create_task(session.wait_for_capacity())
    await asyncio.sleep(0)
    assert session.is_reading_paused
    server.gate.set()
    await waiting
    assert len(server.handled) >= MAX_PENDING // 2
    await server.wait_handled()


async def test_close_releases_a_post_that_waits_for_capacity(session: Session, server: FakeServer) -> None:
    server.gate.clear()
    for number in range(MAX_PENDING):
        session.on_packet(f"4m{number}")
    waiting = asyncio.create_task(session.wait_for_capacity())
    await asyncio.sleep(0)
    session.close(CloseReason.SERVER_DISCONNECT)
    await waiting
    server.gate.set()
    await server.wait_handled()
    assert server.handled[-1] == ("disconnect", CloseReason.SERVER_DISCONNECT)


async def test_server_disconnect_leaves_a_close_packet_for_the_next_poll(session: Session, server: FakeServer) -> None:
    session.post(packet("4last"))
    session.close(CloseReason.SERVER_DISCONNECT)
    session.close(CloseReason.PING_TIMEOUT)
    assert await session.poll(max_bytes=1000) == b"4last\x1e1"
    await server.wait_handled()
    assert server.handled == [("disconnect", CloseReason.SERVER_DISCONNECT)]


async def test_client_disconnect_answers_the_pending_poll_with_a_noop(session: Session, server: FakeServer) -> None:
    poll = asyncio.create_task(session.poll(max_bytes=1000))
    await asyncio.sleep(0)
    session.on_packet("1")
    assert await poll == b"6"
    await server.wait_handled()


@pytest.mark.parametrize("reason", [CloseReason.TRANSPORT_CLOSE, CloseReason.SLOW_READER])
async def test_lost_connection_closes_the_session_with_its_reason(
    connected: Session, server: FakeServer, reason: CloseReason
) -> None:
    connected.on_connection_lost(reason)
    await server.wait_handled()
    assert server.handled == [("disconnect", reason)]


async def test_full_inbox_in_bytes_pauses_reading(
    connected: Session, server: FakeServer, transport: FakeTransport
) -> None:
    server.gate.clear()
    size = MAX_MESSAGE // 4
    for _ in range(3):
        connected.on_packet("4" + "x" * size)
    was_paused = connected.is_reading_paused
    connected.on_packet("4" + "x" * size)
    assert (was_paused, connected.is_reading_paused) == (False, True)
    assert server.buffers.received.total > MAX_MESSAGE
    server.gate.set()
    await server.wait_handled()
    assert not connected.is_reading_paused
    assert server.buffers.received.total == 0


async def test_inboxes_of_all_sessions_are_limited(server: FakeServer) -> None:
    server.buffers = Buffers(max_received=200_000)
    server.gate.clear()
    first, second, third = (Session(server, name) for name in ("first", "second", "third"))
    for session in (first, second, third):
        session.on_packet("4a" + "x" * 30_000)
        session.on_packet("4b" + "x" * 40_000)
        assert server.buffers.received.total <= 200_000
    assert (first.reason, second.reason, third.reason) == (CloseReason.EVICTED, None, None)
    server.gate.set()
    await server.wait_handled()
    assert [message[:1] for message in server.handled].count("b") == 2
    assert server.buffers.received.total == 0


@pytest.mark.parametrize("packet", ["3", "6"])
async def test_flood_of_packets_without_content_closes_the_session(
    connected: Session, transport: FakeTransport, packet: str
) -> None:
    for _ in range(MAX_LIGHT_FRAMES):
        connected.on_packet(packet)
    assert not connected.closing
    connected.on_packet(packet)
    assert connected.reason is CloseReason.FLOOD
    assert transport.calls[-1] == "pause_reading"


@pytest.mark.parametrize(("packet", "message"), [("bAQID", b"\x01\x02\x03"), ("b", b"")])
async def test_base64_packet_is_a_binary_message(
    session: Session, server: FakeServer, packet: str, message: bytes
) -> None:
    session.on_packet(packet)
    await server.wait_handled()
    assert server.handled == [message]


async def test_invalid_base64_packet_closes_the_session(session: Session, server: FakeServer) -> None:
    session.on_packet("b!!!")
    await server.wait_handled()
    assert server.handled == [("disconnect", CloseReason.TRANSPORT_ERROR)]


async def test_poll_buffers_of_all_sessions_are_limited(server: FakeServer) -> None:
    server.buffers = Buffers(max_sent=2500)
    sessions = [Session(server, str(number)) for number in range(3)]
    for session in sessions:
        session.post(packet("4" + "x" * 800))
        server.coalescer.flush()
    assert [session.reason for session in sessions] == [CloseReason.SLOW_READER, CloseReason.SLOW_READER, None]
    assert await sessions[2].poll(max_bytes=1000) == b"4" + b"x" * 800
    assert server.buffers.sent.total == 0
    await server.wait_handled()


async def test_poll_buffer_of_a_closed_session_is_freed_by_eviction(session: Session, server: FakeServer) -> None:
    session.post(packet("4" + "x" * 500))
    session.close(CloseReason.SERVER_DISCONNECT)
    held = server.buffers.sent.total
    session.end(CloseReason.SLOW_READER)
    assert held > 500
    assert await session.poll(max_bytes=1000) == b"6"
    await server.wait_handled()
