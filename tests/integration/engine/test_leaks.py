"""No object or timer outlives its connection, however it ended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import SocketIOServer
from hummdesk.engine.session import Session
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import WebSocket
from tests.integration.engine.conftest import EndpointClient, receive, running, wait_until_collected

AT_ONCE = 25

short_timeouts = pytest.mark.parametrize("server", [0.5], indirect=True)
"""For sessions that end by their timeout."""


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> SocketIOServer:
    seconds = getattr(request, "param", 20)
    server = SocketIOServer(
        connect_timeout=seconds + 1, ping_interval=seconds, ping_timeout=seconds, always_connect=True
    )

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        await server.enter_room(sid, "everybody")
        await asyncio.sleep(0.001)
        await server.emit("welcome", {"sid": sid}, to=sid)

    server.on("connect", connect)

    return server


@pytest.fixture
async def client(server: SocketIOServer, http: aiohttp.ClientSession) -> AsyncIterator[EndpointClient]:
    async with running(server, "socket.io") as url:
        yield EndpointClient(f"{url}/socket.io/", http)


async def assert_nothing_left(server: SocketIOServer) -> None:
    async with asyncio.timeout(15):
        while not server.is_idle:
            await asyncio.sleep(0.02)
    await wait_until_collected(Session, lambda session: session._server is server.eio)
    await wait_until_collected(UpgradeProbe, lambda probe: probe._session._server is server.eio)
    await wait_until_collected(WebSocket, lambda websocket: websocket._options is server.eio._websocket_options)
    manager = server.manager
    assert server.is_idle
    remaining = [manager._sids, manager._entered, manager._connecting, manager._disconnecting]
    assert not any(remaining)


async def test_two_thousand_connections_leave_nothing_behind(server: SocketIOServer, client: EndpointClient) -> None:
    async def connect_and_close(number: int) -> None:
        if number % 3 == 0:
            websocket = await client.websocket()
            await receive(websocket)
        else:
            websocket = await client.upgrade(await client.open())
        await websocket.send_str("40")
        await receive(websocket)
        if number % 2:
            await websocket.close()
        else:
            transport = websocket._writer.transport
            assert transport is not None
            transport.abort()

    for start in range(0, 2000, AT_ONCE):
        await asyncio.gather(*(connect_and_close(number) for number in range(start, start + AT_ONCE)))
    await assert_nothing_left(server)


@short_timeouts
async def test_idle_and_silent_sessions_leave_nothing_behind(server: SocketIOServer, client: EndpointClient) -> None:
    async def open_one(number: int) -> None:
        sid = await client.open()
        if number < 40:
            await client.post(sid, "40")
        if 20 <= number < 60:
            await client.websocket(sid)

    opened: list[BaseException | None] = []
    for start in range(0, 80, 10):  # few together, so that a busy machine opens them before they end
        some = range(start, start + 10)
        opened += await asyncio.gather(*(open_one(number) for number in some), return_exceptions=True)
    failed = [one for one in opened if one is not None]
    assert all(isinstance(one, aiohttp.WSServerHandshakeError) for one in failed), failed
    assert len(failed) < 20, "on a slow machine, some sessions have ended before"
    await assert_nothing_left(server)


@short_timeouts
@pytest.mark.parametrize("step", ["handshake", "upgrade", "connect", "poll"])
async def test_connections_lost_while_opening_leave_nothing_behind(
    server: SocketIOServer, client: EndpointClient, step: str
) -> None:
    """With all four steps: 1,000 connections."""
    host, port = client.url.removeprefix("http://").split("/")[0].split(":")
    path = client.polling.removeprefix(f"http://{host}:{port}")

    async def open_and_abort(number: int) -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
        if step in ("connect", "poll"):
            sid = await client.open()
            if step == "poll":
                await client.post(sid, "40")
            method = "POST" if step == "connect" else "GET"
            body = "Content-Length: 2\r\n\r\n40" if step == "connect" else "\r\n"
            request = f"{method} {path}&sid={sid} HTTP/1.1\r\nHost: x\r\n{body}"
        elif step == "upgrade":
            request = (
                f"GET {path.replace('polling', 'websocket')} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        await asyncio.sleep(number % 10 * 0.0003)
        writer.transport.abort()

    for start in range(0, 250, 50):
        await asyncio.gather(*(open_and_abort(number) for number in range(start, start + 50)))
    await client.open()  # accepted after all lost connections
    await assert_nothing_left(server)


async def test_cancelled_connect_handler_refuses_the_connection(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer()
    started, ended = asyncio.Event(), []

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    server.eio.on("connect", connect)
    server.eio.on("disconnect", lambda sid, reason: ended.append(sid))
    async with running(server, "socket.io") as url:
        opening = asyncio.create_task(EndpointClient(f"{url}/socket.io/", http).open())
        await started.wait()
        opening.cancel()
        async with asyncio.timeout(15):
            while server.eio.sockets:
                await asyncio.sleep(0.01)
        await server.wait_handled()
        assert not ended
