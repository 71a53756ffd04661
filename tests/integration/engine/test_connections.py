"""Connections on the wire: those without a namespace are closed, all are counted and limited, ends have a reason."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import (
    CloseReason,
    ConnectionLimits,
    ConnectionState,
    EngineIOServer,
    Observer,
    RefusalReason,
    SocketIOServer,
)
from hummdesk.engine.deadlines import Deadlines
from tests.integration.engine.conftest import EndpointClient, receive, running
from tests.running_time import running_timeout

CONNECT_SECONDS = 0.25


class RecordingObserver(Observer):
    def __init__(self) -> None:
        self.open: dict[ConnectionState, int] = dict.fromkeys(ConnectionState, 0)
        self.closed: list[CloseReason] = []
        self.refused: list[RefusalReason] = []

    def on_state_changed(self, before: ConnectionState | None, after: ConnectionState | None) -> None:
        if before is not None:
            self.open[before] -= 1
        if after is not None:
            self.open[after] += 1

    def on_closed(self, reason: CloseReason) -> None:
        self.closed.append(reason)

    def on_refused(self, reason: RefusalReason) -> None:
        self.refused.append(reason)


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


class HandlerError(Exception):
    pass


@pytest.fixture
async def server(request: pytest.FixtureRequest, observer: RecordingObserver) -> SocketIOServer:
    """Its `connect` handler accepts, refuses or raises, as the client's `auth` says."""
    server = SocketIOServer(observer=observer, **getattr(request, "param", {}))

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        if auth == {"then": "raise"}:
            raise HandlerError
        return bool(auth != {"then": "refuse"})

    server.on("connect", connect)
    return server


def close_soon(server: SocketIOServer) -> None:
    """Close sessions after CONNECT_SECONDS without a namespace; a machine that stands still could not connect them."""
    waiting = list(server._unconnected)
    server._unconnected.clear()
    server._unconnected = Deadlines(CONNECT_SECONDS, server._on_connect_timeout)
    for one in waiting:
        server._unconnected.start(one)


@pytest.fixture
async def client(server: SocketIOServer, http: aiohttp.ClientSession) -> AsyncIterator[EndpointClient]:
    async with running(server, "socket.io") as url:
        yield EndpointClient(f"{url}/socket.io/", http)


async def opened(client: EndpointClient) -> aiohttp.ClientWebSocketResponse:
    websocket = await client.websocket()
    assert (await receive(websocket)).startswith("0{")
    return websocket


async def connected(client: EndpointClient) -> tuple[aiohttp.ClientWebSocketResponse, str]:
    """Return a WebSocket in the namespace `/`, and its sid."""
    websocket = await opened(client)
    await websocket.send_str("40")
    return websocket, (await receive(websocket)).split('"')[3]


always_connect = pytest.mark.parametrize("server", [{"always_connect": True}, {}], indirect=True)


async def leave(server: SocketIOServer, websocket: aiohttp.ClientWebSocketResponse, sid: str) -> None:
    await websocket.send_str("41")


async def be_disconnected(server: SocketIOServer, websocket: aiohttp.ClientWebSocketResponse, sid: str) -> None:
    await server.disconnect(sid)
    assert await receive(websocket) == "41"


@pytest.mark.parametrize("end", [leave, be_disconnected])
async def test_session_that_left_its_last_namespace_is_closed_by_the_connect_timer(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver, end: Callable[..., Awaitable[None]]
) -> None:
    sockets = [await connected(client) for _ in range(20)]
    assert observer.open[ConnectionState.CONNECTED] == 20
    close_soon(server)
    for websocket, sid in sockets:
        await end(server, websocket, sid)
    for websocket, _ in sockets:
        assert await receive(websocket) is None
    assert observer.closed == [CloseReason.CONNECT_TIMEOUT] * 20
    async with asyncio.timeout(20):
        while not server.is_idle:
            await asyncio.sleep(0.01)
    assert not any(observer.open.values())


async def test_session_that_left_one_of_two_namespaces_stays(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer(namespaces=["/", "/other"])
    async with running(server, "socket.io") as url:
        websocket, _ = await connected(EndpointClient(f"{url}/socket.io/", http))
        await websocket.send_str("40/other")
        await receive(websocket)
        close_soon(server)
        await websocket.send_str("41")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                await websocket.receive()


@always_connect
async def test_refused_session_is_closed_by_the_connect_timer(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver
) -> None:
    close_soon(server)
    websocket = await opened(client)
    await websocket.send_str('40{"then":"refuse"}')
    while await receive(websocket) is not None:
        pass
    assert observer.closed == [CloseReason.CONNECT_TIMEOUT]


async def test_connect_handler_that_raises_answers_connect_error_and_leaves_nothing(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    websocket = await opened(client)
    await websocket.send_str('40{"then":"raise"}')
    assert await receive(websocket) == '44{"message":"Internal server error"}'
    assert not server.manager.rooms
    logged = [record.message for record in caplog.records if record.name.startswith("hummdesk.engine")]
    assert logged == ["connect_handler.failed"]
    await websocket.send_str("40")
    assert (await receive(websocket)).startswith("40{")
    assert observer.open == {
        ConnectionState.OPENED: 0, ConnectionState.CONNECTED: 1, ConnectionState.AUTHENTICATED: 0
    }  # fmt: skip


@pytest.mark.parametrize("server", [{"always_connect": True}], indirect=True)
async def test_connect_handler_that_raises_after_connect_was_sent_closes_the_connection(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver
) -> None:
    ended: list[str] = []
    server.on("disconnect", lambda sid, reason: ended.append(reason))
    websocket = await opened(client)
    await websocket.send_str('40{"then":"raise"}')
    assert (await receive(websocket)).startswith("40{")
    assert await receive(websocket) is None
    await server.wait_handled()
    assert (ended, observer.closed) == (["server disconnect"], [CloseReason.HANDLER_ERROR])
    assert not server.manager.rooms


async def refused_with(client: EndpointClient) -> int:
    """Return the status with which both transports refuse a new session."""
    async with client.http.get(client.polling) as answer:
        polling = answer.status
        assert (await answer.json())["code"] == 4
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.websocket()
    assert refusal.value.status == polling
    return polling


@pytest.mark.parametrize(
    ("limits", "status", "reason"),
    [
        (ConnectionLimits(total=2), 503, RefusalReason.TOO_MANY),
        (ConnectionLimits(per_address=2), 429, RefusalReason.TOO_MANY_OF_ADDRESS),
    ],
)
async def test_sessions_over_a_limit_are_refused_until_one_has_ended(
    http: aiohttp.ClientSession, limits: ConnectionLimits, status: int, reason: RefusalReason
) -> None:
    observer = RecordingObserver()
    server = EngineIOServer(limits=limits, observer=observer)
    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        websocket, polling = await opened(client), await client.open()
        assert await refused_with(client) == status
        assert observer.refused == [reason] * 2
        assert await client.post(polling, "1") == (200, "ok")
        await server.wait_handled()
        other = await opened(client)
        assert await refused_with(client) == status
        for open_socket in (websocket, other):
            await open_socket.send_str("1")
            assert await receive(open_socket) is None
        await server.wait_handled()
        await client.open()
    assert not server.connections.count()


async def test_second_websocket_of_a_session_at_the_limit_is_refused(http: aiohttp.ClientSession) -> None:
    """An accepted one would hold a connection for the time of its closing handshake."""
    observer = RecordingObserver()
    server = EngineIOServer(limits=ConnectionLimits(per_address=1), observer=observer)
    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        first = await client.upgrade(sid := await client.open())
        with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
            await client.websocket(sid)
        server.connections.limits = ConnectionLimits()
        assert await receive(await client.websocket(sid)) is None
        assert observer.refused == [RefusalReason.BAD_REQUEST] * 2
        await first.close()


@pytest.mark.parametrize("server", [{"limits": ConnectionLimits(unauthenticated=2)}], indirect=True)
async def test_sessions_over_the_unauthenticated_limit_evict_the_oldest(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver
) -> None:
    _, sid = await connected(client)
    server.set_authenticated(sid)
    first, second, third = await opened(client), await opened(client), await opened(client)
    assert await receive(first) is None
    assert observer.closed == [CloseReason.EVICTED]
    await second.send_str("40")
    assert (await receive(second)).startswith("40")
    await third.send_str("40")
    assert (await receive(third)).startswith("40")
    assert observer.open[ConnectionState.AUTHENTICATED] == 1


async def test_every_open_session_is_counted_whatever_its_transport_and_state(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver
) -> None:
    polling, websocket = await client.open(), await opened(client)
    probed = await client.open()
    await client.websocket(probed)
    _, sid = await connected(client)
    server.set_authenticated(sid)
    assert observer.open == {
        ConnectionState.OPENED: 3, ConnectionState.CONNECTED: 0, ConnectionState.AUTHENTICATED: 1
    }  # fmt: skip
    assert server.eio.connections.count() == server.eio.connections.count_of("127.0.0.1") == 4
    assert polling in server.eio.sockets
    close_soon(server)
    assert await receive(websocket) is None


async def test_refusals_and_closes_have_a_reason(
    server: SocketIOServer, client: EndpointClient, observer: RecordingObserver
) -> None:
    async with client.http.get(client.url, params={"EIO": "4", "transport": "smoke"}):
        pass
    async with client.http.get(client.polling, headers={"Origin": "https://evil.example"}):
        pass
    await client.post("unknown", "4")
    assert observer.refused == [
        RefusalReason.UNKNOWN_TRANSPORT, RefusalReason.FORBIDDEN_ORIGIN, RefusalReason.UNKNOWN_SESSION
    ]  # fmt: skip
    for packet in ("4nonsense", "8", "1"):
        await (await opened(client)).send_str(packet)
    websocket = await opened(client)
    await websocket.close()
    async with running_timeout(2):
        while len(observer.closed) < 4:
            await asyncio.sleep(0.01)
    assert set(observer.closed) == {
        CloseReason.MALFORMED_PACKET,
        CloseReason.TRANSPORT_ERROR,
        CloseReason.CLIENT_DISCONNECT,
        CloseReason.TRANSPORT_CLOSE,
    }
