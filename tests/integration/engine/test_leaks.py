"""Nothing is left of a connection, however it ended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import SocketIOServer
from hummdesk.engine.session import Session
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import WebSocket
from tests.integration.engine.conftest import WorkerContext, gone, heard, serving

pytestmark = pytest.mark.alone

AT_ONCE = 25


@pytest.fixture
async def server() -> SocketIOServer:
    server = SocketIOServer(connect_timeout=2.5, ping_interval=1.5, ping_timeout=1.5, always_connect=True)

    @server.on("connect")
    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        await server.enter_room(sid, "everybody")
        await asyncio.sleep(0.001)
        await server.emit("welcome", {"sid": sid}, to=sid)

    return server


@pytest.fixture
async def desk(server: SocketIOServer, http: aiohttp.ClientSession) -> AsyncIterator[WorkerContext]:
    async with serving(server, "socket.io") as url:
        yield WorkerContext(f"{url}/socket.io/", http)


async def nothing_is_left(server: SocketIOServer) -> None:
    await gone(Session, lambda session: session._server is server.eio)
    await gone(UpgradeProbe, lambda probe: probe._session._server is server.eio)
    await gone(WebSocket, lambda websocket: websocket._options is server.eio._websocket_options)
    await server.wait_handled()
    manager = server.manager
    assert server.is_idle
    held = [manager._sids, manager._entered, manager._connecting, manager._disconnecting]
    assert not any(held)


async def test_two_thousand_connections(server: SocketIOServer, desk: WorkerContext) -> None:
    async def come_and_go(number: int) -> None:
        if number % 3 == 0:
            websocket = await desk.websocket()
            await heard(websocket)
        else:
            websocket = await desk.upgraded(await desk.open())
        await websocket.send_str("40")
        await heard(websocket)
        if number % 2:
            await websocket.close()
        else:
            transport = websocket._writer.transport
            assert transport is not None
            transport.abort()

    for start in range(0, 2000, AT_ONCE):
        await asyncio.gather(*(come_and_go(number) for number in range(start, start + AT_ONCE)))
    await nothing_is_left(server)


async def test_idle_handshakes_and_silent_clients(server: SocketIOServer, desk: WorkerContext) -> None:
    sids = await asyncio.gather(*(desk.open() for _ in range(80)))
    await asyncio.gather(*(desk.post(sid, "40") for sid in sids[:40]))
    await asyncio.gather(*(desk.websocket(sid) for sid in sids[20:60]))
    await nothing_is_left(server)


@pytest.mark.parametrize("step", ["handshake", "upgrade", "connect", "poll"])
async def test_connects_that_are_cut(server: SocketIOServer, desk: WorkerContext, step: str) -> None:
    """Fault row 23: 1,000 connections end while they are being opened."""
    host, port = desk.url.removeprefix("http://").split("/")[0].split(":")
    path = desk.polling.removeprefix(f"http://{host}:{port}")

    async def cut(number: int) -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
        if step in ("connect", "poll"):
            sid = await desk.open()
            if step == "poll":
                await desk.post(sid, "40")
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
        await asyncio.gather(*(cut(number) for number in range(start, start + 50)))
    await asyncio.sleep(0.6)
    await nothing_is_left(server)


async def test_a_cancelled_connect_handler_is_a_refusal(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer()
    started, ended = asyncio.Event(), []

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        started.set()
        await asyncio.sleep(0.3)

    server.eio.on("connect", connect)
    server.eio.on("disconnect", lambda sid, reason: ended.append(sid))
    async with serving(server, "socket.io") as url:
        opening = asyncio.create_task(WorkerContext(f"{url}/socket.io/", http).open())
        await started.wait()
        opening.cancel()
        await asyncio.sleep(0.1)
        assert not server.eio.sockets
        assert not ended
