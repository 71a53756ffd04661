"""Servers in this process, on a port of their own."""

import asyncio
import gc
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from sanic import Sanic

from hummdesk.engine import EngineIOServer, SocketIOServer

MAX_PAYLOAD = 1_000_000

_names = (f"engine{number}" for number in itertools.count())


@asynccontextmanager
async def serving(server: EngineIOServer | SocketIOServer, path: str) -> AsyncIterator[str]:
    """Attach the server to an application and run it; its address."""
    app: Sanic[Any, Any] = Sanic(next(_names), configure_logging=False)
    app.config.TOUCHUP = False  # it rewrites Sanic itself, and cannot do so for a second application
    server.attach(app, path)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    sanic = await app.create_server(sock=listener, return_asyncio_server=True)
    assert sanic is not None
    await sanic.startup()
    await sanic.before_start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await sanic.before_stop()
        await sanic.close()
        await server.shutdown()
        Sanic._app_registry.pop(app.name)


@dataclass
class WorkerContext:
    """A server's endpoint, spoken to without any client library."""

    url: str
    http: aiohttp.ClientSession

    @property
    def polling(self) -> str:
        return f"{self.url}?EIO=4&transport=polling"

    async def open(self) -> str:
        """A polling session; its sid."""
        async with self.http.get(self.polling) as answer:
            return (await answer.text()).split('"sid":"')[1].split('"')[0]

    async def poll(self, sid: str) -> tuple[int, str]:
        async with self.http.get(f"{self.polling}&sid={sid}") as answer:
            return answer.status, await answer.text()

    async def post(self, sid: str, body: str | bytes) -> tuple[int, str]:
        async with self.http.post(f"{self.polling}&sid={sid}", data=body) as answer:
            return answer.status, await answer.text()

    async def websocket(self, sid: str = "", *, more: str = "", **options: Any) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket: of a new session, or one that wants to take over `sid`."""
        url = f"{self.url}?EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "") + more
        return await self.http.ws_connect(url, **{"max_msg_size": 0} | options)

    async def upgraded(self, sid: str) -> aiohttp.ClientWebSocketResponse:
        websocket = await self.websocket(sid)
        await websocket.send_str("2probe")
        assert await heard(websocket) == "3probe"
        await websocket.send_str("5")
        return websocket


async def heard(websocket: aiohttp.ClientWebSocketResponse) -> Any:
    """The next packet that is no ping; None when the WebSocket has closed."""
    async with asyncio.timeout(5):
        while True:
            message = await websocket.receive()
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return None
            if message.data != "2":
                return message.data


@pytest.fixture
def times() -> dict[str, float]:
    """No heartbeat comes in between, however long a test takes; those of the heartbeat have their own."""
    return {"ping_interval": 25, "ping_timeout": 20}


@pytest.fixture
async def server(times: dict[str, float]) -> EngineIOServer:
    """An echo."""
    server = EngineIOServer(**times, max_http_buffer_size=MAX_PAYLOAD, async_handlers=False)

    @server.on("message")
    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    return server


@pytest.fixture
async def desk(server: EngineIOServer, http: aiohttp.ClientSession) -> AsyncIterator[WorkerContext]:
    async with serving(server, "engine.io") as url:
        yield WorkerContext(f"{url}/engine.io/", http)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def gone(kind: type, concerns: Callable[[Any], bool]) -> None:
    """Wait until no such object is left."""
    async with asyncio.timeout(15):
        while [thing for thing in gc.get_objects() if type(thing) is kind and concerns(thing)]:
            await asyncio.sleep(0.1)
            gc.collect()
