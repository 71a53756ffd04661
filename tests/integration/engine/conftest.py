"""Engine.IO and Socket.IO servers in the test process, and a client without a client library."""

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
async def running(server: EngineIOServer | SocketIOServer, path: str) -> AsyncIterator[str]:
    """Run the server in a Sanic application; yield its URL."""
    app: Sanic[Any, Any] = Sanic(next(_names), configure_logging=False)
    app.config.TOUCHUP = False  # supports one application per process only
    server.attach(app, path)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    sanic: Any = await app.create_server(sock=listener, return_asyncio_server=True)
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
class EndpointClient:
    """Requests to a server's endpoint, without a client library."""

    url: str
    http: aiohttp.ClientSession

    @property
    def polling(self) -> str:
        return f"{self.url}?EIO=4&transport=polling"

    async def open(self) -> str:
        """Open a polling session; return its sid."""
        async with self.http.get(self.polling) as response:
            return (await response.text()).split('"sid":"')[1].split('"')[0]

    async def poll(self, sid: str) -> tuple[int, str]:
        async with self.http.get(f"{self.polling}&sid={sid}") as response:
            return response.status, await response.text()

    async def post(self, sid: str, body: str | bytes) -> tuple[int, str]:
        async with self.http.post(f"{self.polling}&sid={sid}", data=body) as response:
            return response.status, await response.text()

    async def websocket(self, sid: str = "", *, more: str = "", **options: Any) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket for a new session, or to upgrade the session `sid`."""
        url = f"{self.url}?EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "") + more
        return await self.http.ws_connect(url, **{"max_msg_size": 0} | options)

    async def upgrade(self, sid: str) -> aiohttp.ClientWebSocketResponse:
        websocket = await self.websocket(sid)
        await websocket.send_str("2probe")
        assert await receive(websocket) == "3probe"
        await websocket.send_str("5")
        return websocket


async def receive(websocket: aiohttp.ClientWebSocketResponse) -> Any:
    """Return the next packet other than a ping; None if the WebSocket was closed."""
    while True:
        message = await websocket.receive()
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            return None
        if message.data != "2":
            return message.data


@pytest.fixture
def heartbeat_options() -> dict[str, Any]:
    """Long enough that no heartbeat occurs during a test; the tests of the heartbeat override it."""
    return {"ping_interval": 25, "ping_timeout": 20}


@pytest.fixture
async def server(heartbeat_options: dict[str, Any]) -> EngineIOServer:
    """A server that echoes messages."""
    server = EngineIOServer(**heartbeat_options, max_http_buffer_size=MAX_PAYLOAD, async_handlers=False)

    async def message(sid: str, data: Any) -> None:
        await server.send(sid, data)

    server.on("message", message)
    return server


@pytest.fixture
async def client(server: EngineIOServer, http: aiohttp.ClientSession) -> AsyncIterator[EndpointClient]:
    async with running(server, "engine.io") as url:
        yield EndpointClient(f"{url}/engine.io/", http)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def wait_until_collected(kind: type, is_relevant: Callable[[Any], bool]) -> None:
    """Wait until no relevant object of this type exists."""
    async with asyncio.timeout(15):
        while [found for found in gc.get_objects() if type(found) is kind and is_relevant(found)]:
            await asyncio.sleep(0.1)
            gc.collect()
