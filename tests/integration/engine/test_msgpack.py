"""Clients of JavaScript's socket.io-msgpack-parser, which encodes `undefined` as an extension type."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgpack
import pytest

from hummdesk.engine import SocketIOServer
from tests.integration.engine.conftest import EndpointClient, receive, running

CONNECT, DISCONNECT, EVENT, ACK = range(4)
UNDEFINED = msgpack.ExtType(0, b"\x00")


@pytest.fixture
async def server() -> SocketIOServer:
    server = SocketIOServer(serializer="msgpack", max_packet_bytes=1000)
    server.on("connect", lambda sid, environ, auth=None: None)
    server.on("echo", lambda sid, *data: data)
    return server


@pytest.fixture
async def connected(
    server: SocketIOServer, http: aiohttp.ClientSession
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket in the namespace `/`, without auth."""
    async with running(server, "socket.io") as url:
        websocket = await EndpointClient(f"{url}/socket.io/", http).websocket()
        await receive(websocket)
        await send(websocket, type=CONNECT, nsp="/", data=UNDEFINED)
        answer = await received(websocket)
        assert answer["type"] == CONNECT
        yield websocket


async def send(websocket: aiohttp.ClientWebSocketResponse, **packet: Any) -> None:
    await websocket.send_bytes(msgpack.dumps(packet))


async def received(websocket: aiohttp.ClientWebSocketResponse) -> Any:
    return msgpack.loads(await receive(websocket))


async def test_event_with_undefined_binary_and_other_extensions_is_echoed(connected: Any) -> None:
    data = ["echo", UNDEFINED, {"a": b"\x01", "b": UNDEFINED}, msgpack.ExtType(5, b"x")]
    await send(connected, type=EVENT, nsp="/", data=data, id=3)
    answer = await received(connected)
    assert answer["id"] == 3
    assert answer["data"] == [None, {"a": b"\x01", "b": None}, msgpack.ExtType(5, b"x")]


async def test_close_session_sends_disconnect_in_the_encoding_of_the_session(
    server: SocketIOServer, connected: Any
) -> None:
    (sid,) = server.manager.rooms["/"][None]
    server.close_session(sid, reconnect=False)
    assert (await received(connected))["type"] == DISCONNECT
    assert await receive(connected) is None


async def test_packet_over_the_limit_closes_the_connection(connected: Any) -> None:
    await send(connected, type=EVENT, nsp="/", data=["echo", "x" * 2000], id=1)
    assert await receive(connected) is None


@pytest.mark.parametrize(
    "data", [b"\xc1", b"", msgpack.dumps({"type": EVENT}), msgpack.dumps([1]), b"\xdd\xff\xff\xff\xff"]
)
async def test_malformed_packet_closes_the_connection(connected: Any, data: bytes) -> None:
    await connected.send_bytes(data)
    assert await receive(connected) is None
